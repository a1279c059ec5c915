"""How a task ended on one host, as the engine knows it; and what of that may be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.inventory.model import Host
from orchestrator.playbook.events import Diff, Outcome, TaskResult

_CENSORED = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
# What stays of a hidden result (ansible-core, executor/task_result.py, _PRESERVE).
_KEPT = ("attempts", "changed", "retries")
_MESSAGE_LENGTH = 500

Mask = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Include:
    """What an ``include_tasks`` or ``include_role`` asked for: its rendered arguments, the variables of its loop."""

    arguments: Mapping[str, Any]
    params: Mapping[str, Any]


@dataclass(slots=True)
class Done:
    """One task, or one item of its loop, on one host. `result` is what ``register`` gets: whole, not censored.

    `items` are those of a loop, `label` is how it calls one. `notify` are the handlers to be told if it changed
    anything. `place` is the host it was delegated to, `facts_to` the one whose facts it found. `stopped` says that the
    run was interrupted, `may_be_alive` that something of it may still run, `cacheable` that it set real facts.
    """

    result: dict[str, Any]
    diffs: tuple[Diff, ...] = ()
    items: tuple[Done, ...] = ()
    label: str = ""
    no_log: bool = False
    ignore_errors: bool = False
    ignore_unreachable: bool = False
    notify: tuple[str, ...] = ()
    place: Host | None = None
    facts_to: Host | None = None
    includes: tuple[Include, ...] = ()
    may_have_run: bool = False
    may_be_alive: bool = False
    stopped: bool = False
    rescued: bool = False
    cacheable: bool = False
    duration: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """In Ansible's order: failed before unreachable before skipped."""
        if self.result.get("failed"):
            return Outcome.FAILED
        if self.result.get("unreachable"):
            return Outcome.UNREACHABLE
        if self.result.get("skipped"):
            return Outcome.SKIPPED
        return Outcome.CHANGED if self.result.get("changed") else Outcome.OK

    @property
    def ignored(self) -> bool:
        """Whether it went wrong and that does not matter."""
        outcome = self.outcome
        return (outcome is Outcome.FAILED and self.ignore_errors) or (
            outcome is Outcome.UNREACHABLE and self.ignore_unreachable
        )

    def shown(self, host: str, mask: Mask) -> TaskResult:
        """What whoever watches gets to see: secrets masked, all of it hidden under ``no_log``."""
        hidden = self.no_log
        return TaskResult(
            host=host,
            outcome=self.outcome,
            result=mask(self._censored() if hidden else self.result),
            message=(_CENSORED if self.outcome in (Outcome.FAILED, Outcome.UNREACHABLE) else "")
            if hidden
            else mask(self._message()),
            diffs=() if hidden else mask_diffs((*self.diffs, *(d for item in self.items for d in item.diffs)), mask),
            ignored=self.ignored,
            rescued=self.rescued,
            may_have_run=self.may_have_run,
            delegated_to=self.place.name if self.place else None,
            duration=self.duration,
        )

    def _censored(self) -> dict[str, Any]:
        censored: dict[str, Any] = {key: self.result[key] for key in _KEPT if key in self.result}
        if self.items:
            censored["results"] = [item._censored() if item.no_log else item.result for item in self.items]  # noqa: SLF001  its own class
        return {**censored, "censored": _CENSORED}

    def _message(self) -> str:
        """One line: why it did not go well."""
        outcome = self.outcome
        if outcome in (Outcome.OK, Outcome.CHANGED):
            return ""
        for item in self.items:
            if item.outcome is outcome and outcome is not Outcome.SKIPPED:
                return one_line(f"{item.label}: {item._message()}")  # noqa: SLF001  its own class
        text = str(self.result.get("msg") or self.result.get("skip_reason") or self.result.get("skipped_reason") or "")
        if outcome is Outcome.SKIPPED:
            condition = self.result.get("false_condition")
            return one_line(text if condition is None else f"{condition} is false")
        if outcome is Outcome.FAILED and self.result.get("rc"):
            last = str(self.result.get("stderr") or self.result.get("stdout") or "").strip().rpartition("\n")[2]
            text = f"{text} (exit status {self.result['rc']}): {last}" if last and last not in text else text
        if outcome is Outcome.FAILED and not text:  # the module was content, a keyword of the task was not
            told = {"failed_when_result": "failed_when holds", "attempts": "until never held"}
            text = next((words for key, words in told.items() if self.result.get(key)), "")
        return one_line(text)


def mask_diffs(diffs: tuple[Diff, ...], mask: Mask) -> tuple[Diff, ...]:
    """`diffs` with secrets masked."""
    return tuple(
        Diff(mask(d.before), mask(d.after), mask(d.before_header), mask(d.after_header), mask(d.prepared))
        for d in diffs
    )


def one_line(text: str) -> str:
    """`text` fit for a line: what a host said may hold anything."""
    flat = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return flat if len(flat) <= _MESSAGE_LENGTH else f"{flat[:_MESSAGE_LENGTH]}…"


def failed(msg: str, **keys: Any) -> dict[str, Any]:
    """The result of a task that failed."""
    return {"changed": False, "failed": True, "msg": msg, **keys}
