"""What goes wrong with a template, in one line and with its place."""

from __future__ import annotations

from orchestrator.errors import OrchestratorError
from orchestrator.playbook.text import NOWHERE, Position


class TemplateFault(OrchestratorError, ValueError):
    """A template cannot be rendered. `msg` is one line without the place, `at` the place it was written."""

    def __init__(self, msg: str, at: Position = NOWHERE, *, remedy: str = "") -> None:
        super().__init__(msg, where=str(at) if at.file else "", remedy=remedy)
        self.at = at
        self.msg = f"{msg}. {remedy}" if remedy else msg

    def __str__(self) -> str:
        return f"{self.where}: {self.msg}" if self.where else self.msg


class UndefinedFault(TemplateFault):
    """A template uses a variable, an attribute or an item that does not exist."""
