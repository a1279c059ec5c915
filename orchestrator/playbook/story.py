"""A run as it has been told so far: what every face draws from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from orchestrator.inventory.folding import fold
from orchestrator.playbook.events import (
    Counts,
    Diff,
    Ended,
    Event,
    HostDone,
    ItemDone,
    Outcome,
    PlayStarted,
    Progress,
    TaskEnded,
    TaskResult,
    TaskStarted,
)


@dataclass(frozen=True, slots=True)
class Alike:
    """Hosts on which a task ended in the same way, for the same reason. `sample` is the result of the first."""

    hosts: tuple[str, ...]
    sample: TaskResult

    @property
    def folded(self) -> str:
        """The hosts in short, like ``web[1-3,7]``."""
        return fold(self.hosts)


@dataclass(slots=True)
class TaskStory:
    """One task: how it `started` in which `play`, its `results` by host, what the slow ones say, seconds it took."""

    started: TaskStarted
    play: PlayStarted | None
    results: dict[str, TaskResult] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    duration: float | None = None

    def slim(self) -> None:
        """Keep of the results only what a summary shows: the outputs of a fleet would fill the memory."""
        self.results = {host: replace(result, result={}, diffs=()) for host, result in self.results.items()}

    @property
    def waiting(self) -> list[str]:
        """Hosts that have not ended it."""
        return [host for host in self.started.hosts if host not in self.results]

    def hosts(self, outcome: Outcome, *, ignored: bool = False) -> list[str]:
        """Hosts on which it ended with `outcome`, ignored failures apart from the others."""
        return [h for h, result in self.results.items() if result.outcome is outcome and result.ignored is ignored]

    @property
    def title(self) -> str:
        """What it is called: its role before its name, as Ansible does, or what it calls where it has none."""
        name = self.started.name or self.started.module.removeprefix("ansible.builtin.")
        return f"{self.started.role} : {name}" if self.started.role else name

    @property
    def troubles(self) -> list[Alike]:
        """What failed or was not reached, ignored failures included, folded by reason."""
        return _alike(
            {
                host: (
                    result.outcome,
                    result.ignored,
                    result.rescued,
                    result.may_have_run,
                    result.message,
                    result.delegated_to,
                )
                for host, result in self.results.items()
                if result.outcome in (Outcome.FAILED, Outcome.UNREACHABLE)
            },
            self.results,
        )

    @property
    def diffs(self) -> list[tuple[Alike, tuple[Diff, ...]]]:
        """What changed, the same change on several hosts once."""
        keys: dict[str, tuple[Any, ...]] = {host: result.diffs for host, result in self.results.items() if result.diffs}
        return [(group, group.sample.diffs) for group in _alike(keys, self.results)]

    def to_json(self) -> dict[str, Any]:
        """An element of ``tasks`` in ``play --json``."""
        return {
            "play": self.play.name if self.play else "",
            "name": self.started.name,
            "module": self.started.module,
            "where": str(self.started.at),
            "role": self.started.role,
            "handler": self.started.handler,
            "duration_s": None if self.duration is None else round(self.duration, 3),
            "hosts": {host: _result_json(result) for host, result in self.results.items()},
        }


class Story:
    """Listens to a run and remembers it."""

    def __init__(self) -> None:
        self.plays: list[PlayStarted] = []
        self.tasks: list[TaskStory] = []
        self.ended: Ended | None = None
        self._by_number: dict[int, TaskStory] = {}
        self._hosts: dict[str, dict[str, int]] = {}

    def tell(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case PlayStarted():
                self.plays.append(event)
                for host in event.hosts:
                    self._hosts.setdefault(host, {})
            case TaskStarted():
                story = TaskStory(event, self.plays[-1] if self.plays else None)
                self.tasks.append(story)
                self._by_number[event.number] = story
            case Progress():
                self._by_number[event.number].notes[event.host] = event.text
            case HostDone():
                self._done(event)
            case TaskEnded():
                story = self._by_number.pop(event.number)
                story.duration = event.duration
                # They came in the order of their ending; people look for them in that of the inventory.
                place = {host: number for number, host in enumerate(story.started.hosts)}
                story.results = dict(sorted(story.results.items(), key=lambda each: place.get(each[0], len(place))))
            case Ended():
                self.ended = event
            case ItemDone():
                pass

    def _done(self, event: HostDone) -> None:
        story, result = self._by_number[event.number], event.result
        story.results[result.host] = result
        story.notes.pop(result.host, None)
        counts = self._hosts.setdefault(result.host, {})
        for name in _counted(result):
            counts[name] = counts.get(name, 0) + 1

    @property
    def current(self) -> TaskStory | None:
        """The task going on now."""
        return self.tasks[-1] if self.tasks and self.tasks[-1].duration is None else None

    @property
    def recap(self) -> Mapping[str, Counts]:
        """Each host's counts: the final ones, or those so far."""
        if self.ended is not None:
            return self.ended.recap
        return {host: Counts(**counts) for host, counts in self._hosts.items()}

    @property
    def exit_status(self) -> int:
        """What a command line ends with: 4 if any host was not reached, else 1 if a task failed, else 0."""
        counts = self.recap.values()
        if any(each.unreachable for each in counts):
            return 4
        return int(self.ended is None or bool(self.ended.aborted) or any(each.failed for each in counts))

    def to_json(self) -> dict[str, Any]:
        """The document of ``play --json``."""
        return {
            "hosts": {host: asdict(counts) for host, counts in self.recap.items()},
            "tasks": [task.to_json() for task in self.tasks],
            "stopped": self.ended is None or self.ended.stopped,
            "aborted": "" if self.ended is None else self.ended.aborted,
            "may_be_running": {} if self.ended is None else dict(self.ended.may_be_running),
            "not_begun": [] if self.ended is None else list(self.ended.not_begun),
        }


def _counted(result: TaskResult) -> tuple[str, ...]:
    """The columns of the recap in which a result counts (ansible-core, executor/stats.py and callbacks)."""
    match result.outcome:
        case Outcome.OK:
            return ("ok",)
        case Outcome.CHANGED:
            return ("ok", "changed")
        case Outcome.SKIPPED:
            return ("skipped",)
        case Outcome.UNREACHABLE:
            return ("unreachable",)
        case Outcome.FAILED if result.ignored:
            return ("ok", "ignored")
        case Outcome.FAILED:
            return ("rescued",) if result.rescued else ("failed",)


def _alike(keys: Mapping[str, tuple[Any, ...]], results: Mapping[str, TaskResult]) -> list[Alike]:
    """Hosts with equal keys together, the biggest group first."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for host, key in keys.items():
        groups.setdefault(key, []).append(host)
    folded = [Alike(tuple(hosts), results[hosts[0]]) for hosts in groups.values()]
    return sorted(folded, key=lambda group: -len(group.hosts))


def _result_json(result: TaskResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "message": result.message,
        "ignored": result.ignored,
        "rescued": result.rescued,
        "may_have_run": result.may_have_run,
        "delegated_to": result.delegated_to,
        "duration_s": round(result.duration, 3),
        "diff": [asdict(diff) for diff in result.diffs],
        "result": dict(result.result),
    }
