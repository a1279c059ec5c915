"""What a playbook would do, for ``--list-tasks`` and ``--list-tags``, without doing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from orchestrator.playbook.load.tags import selected
from orchestrator.playbook.model import Block, Play, Playbook, Step, Task
from orchestrator.playbook.text import Position


@dataclass(frozen=True, slots=True)
class ListedTask:
    """One task: its name, that of its role before it, or if it has none its module; its tags, sorted."""

    name: str
    tags: tuple[str, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class ListedPlay:
    """One play: its name, the pattern of its hosts, its own tags, and the tasks chosen, in order."""

    name: str
    pattern: str
    tags: tuple[str, ...]
    tasks: tuple[ListedTask, ...]
    at: Position

    @property
    def task_tags(self) -> tuple[str, ...]:
        """All tags of the play and its chosen tasks, sorted."""
        return tuple(sorted({*self.tags, *(tag for task in self.tasks for tag in task.tags)}))


def listing(playbook: Playbook, tags: Collection[str] = (), skip_tags: Collection[str] = ()) -> tuple[ListedPlay, ...]:
    """The plays of `playbook` with the tasks that the tags choose. What dynamic includes bring is not among them."""
    return tuple(_play(play, tags, skip_tags) for play in playbook.plays)


def _play(play: Play, tags: Collection[str], skip_tags: Collection[str]) -> ListedPlay:
    tasks = tuple(
        ListedTask(_name(task), tuple(sorted(task.keywords.tags)), task.at)
        for task in _tasks(play.steps)
        if not task.implicit and selected(task, tags, skip_tags)
    )
    pattern = ",".join(play.hosts) if isinstance(play.hosts, list) else str(play.hosts)
    return ListedPlay(str(play.name), pattern, tuple(sorted(play.keywords.tags)), tasks, play.at)


def _tasks(steps: Iterable[Step]) -> Iterator[Task]:
    for step in steps:
        if isinstance(step, Block):
            yield from _tasks((*step.block, *step.rescue, *step.always))
        else:
            yield step


def _name(task: Task) -> str:
    if not task.name:
        return task.module.removeprefix("ansible.builtin.")
    return f"{task.role.name} : {task.name}" if task.role else str(task.name)
