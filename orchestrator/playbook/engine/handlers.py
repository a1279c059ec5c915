"""Which handlers a notification means (ansible-core, StrategyBase.search_handlers_by_notification)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from orchestrator.playbook.engine.plan import Leaf
from orchestrator.playbook.model import Task
from orchestrator.playbook.templating import TemplateFault


class Handlers:
    """The handlers of a play, in the order in which they run. `name_of` renders a handler's name without a host."""

    def __init__(self, handlers: Iterable[Leaf], name_of: Callable[[Task], str]) -> None:
        self.all: tuple[Leaf, ...] = tuple(handlers)
        self._name_of = name_of
        self._names: dict[Leaf, str | None] = {}
        self._found: dict[str, tuple[Leaf, ...]] = {}

    def add(self, handlers: Iterable[Leaf]) -> None:
        """More of them, from an included role."""
        self.all += tuple(handlers)
        self._found.clear()

    def find(self, notification: str) -> tuple[Leaf, ...]:
        """The handler of that name, those of the play before those of roles, and all that listen to it."""
        if notification not in self._found:
            self._found[notification] = tuple(dict.fromkeys(self._search(notification)))
        return self._found[notification]

    def _search(self, notification: str) -> Iterator[Leaf]:
        searched = self._searched()
        for handler in searched:
            name = self._name(handler)
            role = handler.task.role
            if name and notification in (name, f"{role.name} : {name}" if role else name):
                yield handler
                break
        seen: set[str] = set()
        for handler in searched:
            if notification in handler.task.listen:
                name = self._name(handler)
                if name and name in seen:
                    continue
                seen.add(name or "")
                yield handler

    def _searched(self) -> list[Leaf]:
        """All in the order of precedence: what was loaded last comes first, but within one list the first one."""
        lists = [list(group) for _, group in groupby(self.all, key=lambda handler: id(handler.task.role))]
        return [handler for group in reversed(lists) for handler in group]

    def _name(self, handler: Leaf) -> str | None:
        """None for a name that only a host's variables could tell: such a handler can still be listening."""
        if handler not in self._names:
            try:
                self._names[handler] = self._name_of(handler.task)
            except TemplateFault:
                self._names[handler] = None
        return self._names[handler]
