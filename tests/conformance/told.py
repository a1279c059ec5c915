"""A run of a playbook, told alike by ansible-playbook and by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COUNTS = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")


def where(path: str) -> str:
    """Of a whole path with a line, the part below the folder of the playbooks: ``roles/first/tasks/main.yml:2``."""
    return path.rpartition("/playbooks/")[2]


@dataclass(frozen=True)
class Outcome:
    """How a task ended on a host: ``ok``, ``changed``, ``skipped``, ``failed`` or ``unreachable``, and its result."""

    outcome: str
    ignored: bool
    result: Mapping[str, Any]


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
    """One run: exit status, tasks in order, recap by host with `COUNTS`, and what was printed, for a person."""

    status: int
    tasks: list[Task]
    recap: dict[str, dict[str, int]]
    said: str

    @property
    def changed(self) -> int:
        """Changed tasks over all hosts, as the recap counts them."""
        return sum(counts["changed"] for counts in self.recap.values())
