"""What a running playbook tells whoever watches: a face, a log, a test. Values only; nothing in them is secret.

Everything here has been through the masking of ``no_log`` and of secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.playbook.text import Position


class Outcome(StrEnum):
    """How a task ended on one host, in Ansible's words. `UNREACHABLE` may have run: see `TaskResult.may_have_run`."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed or would change: two texts with their headings, or `prepared`, text to show as it is."""

    before: str = ""
    after: str = ""
    before_header: str = ""
    after_header: str = ""
    prepared: str = ""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task on one host, loop items together.

    `result` holds the module's documented keys (censored under ``no_log``); a loop's has ``results``. `ignored` is a
    failure that ``ignore_errors`` let pass, `rescued` one that a ``rescue`` took. `message` is one line for a person:
    why it failed, was skipped or could not be reached. `duration` is in seconds.
    """

    host: str
    outcome: Outcome
    result: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    diffs: tuple[Diff, ...] = ()
    ignored: bool = False
    rescued: bool = False
    may_have_run: bool = False
    delegated_to: str | None = None
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class Counts:
    """A host's line of the recap, with Ansible's meanings: `ok` includes the changed, the ignored and the rescued."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class PlayStarted:
    """A play begins on `hosts` (one batch of them under ``serial``)."""

    name: str
    hosts: tuple[str, ...]
    at: Position
    check: bool = False


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A task or handler begins. `number` is unique in the run; `hosts` are those that will do it or skip it; `role` is
    the role it stands in."""

    number: int
    name: str
    module: str
    hosts: tuple[str, ...]
    at: Position
    handler: bool = False
    role: str = ""


@dataclass(frozen=True, slots=True)
class ItemDone:
    """One item of a loop ended on one host; `label` is how the loop calls it."""

    number: int
    label: str
    result: TaskResult


@dataclass(frozen=True, slots=True)
class Progress:
    """A long task speaks up on one host: bytes sent, a retry, a wait."""

    number: int
    host: str
    text: str


@dataclass(frozen=True, slots=True)
class HostDone:
    """A task ended on one host."""

    number: int
    result: TaskResult


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task ended on all its hosts."""

    number: int
    duration: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over. `recap` names every host that took part, in inventory order. `stopped` says that it was
    interrupted, `aborted` why no further task was begun although hosts were left (``any_errors_fatal``, ...).
    `not_begun` are, after either, the hosts on which nothing at all was done."""

    recap: Mapping[str, Counts]
    stopped: bool = False
    aborted: str = ""
    may_be_running: Mapping[str, str] = field(default_factory=dict)
    not_begun: tuple[str, ...] = ()


Event = PlayStarted | TaskStarted | ItemDone | Progress | HostDone | TaskEnded | Ended
OnEvent = Callable[[Event], None]
