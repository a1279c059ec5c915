"""A task's module and arguments: validated once when they are the same on every host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.inventory.variables import Vaulted
from orchestrator.playbook.load.arguments import validate
from orchestrator.playbook.model import Task
from orchestrator.playbook.modules import MODULES, Arguments, Module, module
from orchestrator.playbook.templating import OMIT, Templar
from orchestrator.playbook.text import Text


class Prepared:
    """`task`'s module, ready to be given each host's arguments."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.module: Module[Any] | None = module(task.module) if task.module in MODULES else None
        self._static: Arguments | None = None
        self._varies = varies(task.arguments)

    def arguments(self, templar: Templar) -> Arguments:
        """What the module gets on one host. Raises TemplateFault and PlaybookError."""
        assert self.module is not None
        if not self._varies and self._static is not None:
            return self._static
        at, expressions = self.task.at, self.module.expressions
        rendered: dict[str, Any] = {}
        for name, value in self.task.arguments.items():
            result = value if name in expressions else templar.render(value, at)
            if result is not OMIT:
                rendered[templar.render(name, at) if varies(name) else str(name)] = result
        found = validate(self.task.module, rendered, at)
        if not self._varies:
            self._static = found
        return found

    def plain(self, templar: Templar) -> dict[str, Any]:
        """The rendered arguments of an include, which is no module."""
        task = self.task
        given = dict(task.arguments)
        if task.free_form is not None:
            given.setdefault("file", task.free_form)
        rendered = {name: templar.render(value, task.at) for name, value in given.items() if name != "apply"}
        return {name: value for name, value in rendered.items() if value is not OMIT}


def varies(value: Any) -> bool:
    """Whether `value` may be another one on another host."""
    if isinstance(value, Text):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(map(varies, value)) or any(map(varies, value.values()))
    if isinstance(value, list | tuple):
        return any(map(varies, value))
    return isinstance(value, Vaulted)
