"""The modules that playbooks may use: one file each, imported when a playbook first names it."""

from orchestrator.playbook.modules.base import (
    Answer,
    Arguments,
    Module,
    Parameter,
    Program,
    Result,
    Target,
    TaskFailed,
    TaskSkipped,
    Unreachable,
)
from orchestrator.playbook.modules.registry import MODULES, canonical, module

__all__ = [
    "MODULES",
    "Answer",
    "Arguments",
    "Module",
    "Parameter",
    "Program",
    "Result",
    "Target",
    "TaskFailed",
    "TaskSkipped",
    "Unreachable",
    "canonical",
    "module",
]
