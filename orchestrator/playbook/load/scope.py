"""Where steps stand: in which play, role and file, under which keywords."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load.keywords import Level
from orchestrator.playbook.model import NOTHING, Keywords, RoleRef, Task
from orchestrator.playbook.text import Position

_MAX_TASKS = 10_000


class Notice(NamedTuple):
    """A task names a handler; `doubtful` when the task may never run, or never change anything."""

    name: str
    at: Position
    doubtful: bool


@dataclass(slots=True)
class Gathered:
    """What the steps of a play bring for the whole of it, in the order found.

    `local` says that something may have run on the control node by then, `more_handlers` that what is included during
    the run may bring further handlers.
    """

    handlers: list[Task] = field(default_factory=list)
    roles: list[RoleRef] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    tasks: int = 0
    local: bool = False
    more_handlers: bool = False

    def count(self, at: Position) -> None:
        """One more task. Raises PlaybookError when imports of imports spell too many."""
        self.tasks += 1
        if self.tasks > _MAX_TASKS:
            raise PlaybookError(f"more than {_MAX_TASKS} tasks in one play", where=str(at), remedy="Split the play.")


@dataclass(frozen=True, slots=True)
class Scope:
    """What surrounds a step. `files` led to it, the playbook first; from number `since` on they follow each other
    without condition, so that one of them again would be a circle.

    `doubtful` steps may never run: a dynamic include above them has a condition, or stands in a ``rescue``. Dynamic
    includes are looked into where `look` says so; on a `trial` the steps are thrown away. `vars` are the play's,
    `extra` those of the command line.
    """

    gathered: Gathered
    files: tuple[Path, ...]
    keywords: Keywords = field(default_factory=Keywords)
    role: RoleRef | None = None
    level: Level = Level.TASK
    since: int = 0
    doubtful: bool = False
    look: bool = True
    trial: bool = False
    vars: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    def within(self, keywords: Keywords) -> Scope:
        """The same place under other keywords."""
        return replace(self, keywords=keywords)

    def surely_does(self, task: Task) -> bool:
        """Whether the play comes to `task`, which stands here, and fails if it does, whatever hosts and options say."""
        keywords = task.keywords
        may_be_passed_over = keywords.when or keywords.tags - {"always"} or task.loop or keywords.ignore_errors
        return not (may_be_passed_over or self.doubtful or self.level is Level.HANDLER)

    @property
    def folder(self) -> Path:
        """The playbook's folder."""
        return self.files[0].parent

    @property
    def roles(self) -> Iterator[RoleRef]:
        """The role it is in, and those that one was used by, the nearest first."""
        role = self.role
        while role is not None:
            yield role
            role = role.parent

    @property
    def search(self) -> tuple[Path, ...]:
        """Where a task's relative files are looked for (task.py, get_search_path)."""
        return _unique((*(role.path for role in self.roles), self.files[-1].parent, self.folder))

    @property
    def task_folders(self) -> tuple[Path, ...]:
        """Where included task files are looked for: beside the file, then beside those that led to it, then in the
        role, then beside the playbook (helpers.py, load_list_of_tasks)."""
        kind = "handlers" if self.level is Level.HANDLER else "tasks"
        role = (self.role.path / kind, self.role.path) if self.role else ()
        return _unique((*(file.parent for file in reversed(self.files)), *role, self.folder / kind, self.folder))


def _unique(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))
