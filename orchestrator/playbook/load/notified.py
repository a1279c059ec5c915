"""Handlers that are notified must be there: said before anything runs, as far as their names are known."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load.scope import Gathered, Notice, Scope
from orchestrator.playbook.load.values import is_template, nearest
from orchestrator.playbook.model import Task


def notices(task: Task, scope: Scope) -> Iterable[Notice]:
    """The handlers that `task`, standing in `scope`, tells of its changes, as far as their names are known."""
    doubtful = bool(task.changed_when) or not scope.surely_does(task)
    for name in task.notify:
        if not is_template(name):
            yield Notice(str(name), getattr(name, "at", task.at), doubtful)


def check_notified(handlers: Iterable[Task], gathered: Gathered) -> None:
    """Raise PlaybookError if what was `gathered` of a play surely notifies what is none of its `handlers`.

    Ansible fails the task once it has changed something. Of a task that may never change anything it is a note.
    """
    known = set(_names(handlers))
    if gathered.more_handlers or any(is_template(name) for name in known):
        return
    for notice in gathered.notices:
        if notice.name in known:
            continue
        what = f"there is no handler {notice.name!r}, neither by name nor listening{nearest(notice.name, known)}"
        if not notice.doubtful:
            raise PlaybookError(what, where=str(notice.at))
        gathered.notes[f"{notice.at}: {what} (the task would fail if it changed something)"] = None


def _names(handlers: Iterable[Task]) -> Iterable[str]:
    for handler in handlers:
        if handler.name:
            yield handler.name
            if handler.role:
                yield f"{handler.role.name} : {handler.name}"
        yield from handler.listen
