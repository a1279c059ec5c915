"""A run of a playbook, told alike by ansible-playbook and by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

COUNTS = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")


def where(path: str) -> str:
    """Of a whole path with a line, the part below the folder of the playbooks: ``roles/first/tasks/main.yml:2``."""
    return path.rpartition("/playbooks/")[2]


@dataclass(frozen=True)
class Outcome:
    """How a task ended on a host: ``ok``, ``changed``, ``skipped``, ``failed`` or ``unreachable``, and its result.

    `diffs` are texts before and after, of those diffs that are two texts.
    """

    outcome: str
    ignored: bool
    result: Mapping[str, Any]
    diffs: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """A task or handler: where it stands (``03-copy.yml:12``) and how it ended by host."""

    name: str
    module: str
    where: str
    handler: bool
    hosts: dict[str, Outcome] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.where} {self.name!r}"


@dataclass(frozen=True)
class Run:
    """One run: exit status, tasks in order, recap by host with `COUNTS`, and what was printed as errors."""

    status: int
    tasks: list[Task]
    recap: dict[str, dict[str, int]]
    errors: str

    @property
    def changed(self) -> int:
        """Changed tasks over all hosts, as the recap counts them."""
        return sum(counts["changed"] for counts in self.recap.values())


@dataclass(frozen=True)
class Entry:
    """A path as it stands: `kind` (``file``, ``folder``, ``link``, ``gone`` ...), `content` a hash or a link's target;
    `time` of last change in nanoseconds."""

    kind: str
    mode: int = 0
    owner: int = 0
    group: int = 0
    content: str = ""
    time: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.mode:04o} {self.owner}:{self.group} {self.content}".strip()


Snapshot: TypeAlias = dict[str, Entry]
"""What of a host's disk differs from its image: paths relative to its root."""


@dataclass(frozen=True)
class Side:
    """What one program did with a case: its `runs` called ``check``, ``first`` and ``second``.

    Disks are those before everything, after the check, after the first run, a snapshot a host. `stood` and `state` are
    what is no file, before and after the first run. `fetched` are files that came to the control node; `steady` are
    texts that differ between twins, with what stands for them.
    """

    runs: dict[str, Run]
    before: list[Snapshot]
    checked: list[Snapshot]
    after: list[Snapshot]
    stood: list[list[str]]
    state: list[list[str]]
    fetched: dict[str, str]
    steady: list[tuple[str, str]]
