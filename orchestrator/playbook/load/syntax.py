"""Templates and expressions, looked at before anything runs: syntax, and the filters, tests and lookups they name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.errors import Unsupported
from orchestrator.playbook.templating import check_syntax
from orchestrator.playbook.text import Text

_EXPRESSIONS = frozenset(("when", "until", "changed_when", "failed_when"))
# Arguments that are expressions, by module.
_TAKEN_AS_EXPRESSIONS = {"ansible.builtin.assert": "that", "ansible.builtin.debug": "var"}


def check_arguments(module: str, arguments: Mapping[str, Any]) -> None:
    """Raise Unsupported for the first fault in a task's arguments, with ``file:line``."""
    expression = _TAKEN_AS_EXPRESSIONS.get(module)
    for name, value in arguments.items():
        check(name)
        check(value, expression=name == expression)


def check_keywords(own: Mapping[str, Any], but: Collection[str] = ()) -> None:
    """The same for keywords, those named in `but` apart."""
    for name, value in own.items():
        if name not in but:
            check(value, expression=name in _EXPRESSIONS)


def check(value: Any, *, expression: bool = False) -> None:
    """The same for every text in `value`, templates or bare expressions."""
    if isinstance(value, Text):
        for fault in check_syntax(value, expression=expression):
            # Ansible finds it only where it is rendered: the same kind of trouble as something not supported.
            raise Unsupported(fault.msg, where=fault.where)
    elif isinstance(value, dict):
        for item in value.values():
            check(item, expression=expression)
    elif isinstance(value, list | tuple):
        for item in value:
            check(item, expression=expression)
