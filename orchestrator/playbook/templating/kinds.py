"""Names and final forms of values: what templates call them, and what leaves a template."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from typing import Any

import jinja2
from jinja2.environment import TemplateModule

from orchestrator.playbook.templating.bounds import Budget, Span
from orchestrator.playbook.templating.fault import TemplateFault


class Omit:
    """What `OMIT` is. An argument whose value it is counts as not given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<<Omit>>"


OMIT = Omit()
"""The value of ``omit``."""


class Decrypted(str):
    """Text that was encrypted with ansible-vault; some templates ask."""

    __slots__ = ()


_PLAIN = frozenset((str, int, bool, float, type(None), bytes, datetime, date, time, Omit))
VIEWS = (Iterator, ItemsView, KeysView, ValuesView, range, Span)


def kind(value: Any) -> str:
    """The name of `value`'s type as Ansible says it."""
    if isinstance(value, str):
        return "str"
    if isinstance(value, dict):
        return "dict"
    return type(value).__name__


def final(value: Any, budget: Budget) -> Any:
    """`value` with only Python's own types in it: lists, dicts and scalars; what is `OMIT` inside is left out.

    Raises TemplateFault for what has no place outside of a template, Used for what is undefined.
    """
    budget.step()
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {final(key, budget): final(item, budget) for key, item in value.items() if item is not OMIT}
    if isinstance(value, list | tuple | AbstractSet):
        return [final(item, budget) for item in value if item is not OMIT]
    if isinstance(value, range | Span):
        raise TemplateFault("a range is no value; write range(...) | list")
    if isinstance(value, VIEWS):
        return [final(item, budget) for item in budget.counted(value)]
    return _odd(value)


def _odd(value: Any) -> Any:
    from orchestrator.playbook.templating.undefined import Undefined, Used

    if isinstance(value, Undefined):
        raise Used(value)
    if isinstance(value, jinja2.Undefined):
        raise TemplateFault("an if without else gave nothing")
    if isinstance(value, int | float):
        return (int if isinstance(value, int) else float)(value)
    if isinstance(value, TemplateModule):
        return str(value)
    raise TemplateFault(f"the result is of type {type(value).__name__!r}, which is no value of a variable")


def plain(value: Any) -> Any:
    """`value` for a library that knows only Python's own types: containers copied, text unmarked."""
    return final(value, Budget())


def text_of(value: Any) -> str:
    """`value` inside other text."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is OMIT:
        raise TemplateFault("omit stands inside other text; it can only be a whole value")
    return str(value)
