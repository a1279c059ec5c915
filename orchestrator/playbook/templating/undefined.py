"""What stands for a value that does not exist: it can be asked about and defaulted, and fails when it is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NoReturn, Self

import jinja2
from jinja2.utils import missing

from orchestrator.playbook.templating.fault import TemplateFault, UndefinedFault
from orchestrator.playbook.templating.kinds import kind
from orchestrator.playbook.templating.state import current
from orchestrator.playbook.text import NOWHERE, Position

_MANY = 2000


class Used(jinja2.UndefinedError):
    """A value that does not exist was used. `value` is it."""

    def __init__(self, value: Undefined) -> None:
        super().__init__(value.message)
        self.value = value


class Undefined(jinja2.StrictUndefined):
    """As Jinja2's StrictUndefined, but attributes and items of it are undefined, too: ``a.b.c | default(1)`` works."""

    __slots__ = ("_place",)

    def __init__(self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: Any = None) -> None:
        if hint is None and name is not None and obj is not missing:
            hint = f"object of type {kind(obj)!r} has no attribute {name!r}"
        super().__init__(hint, obj, name, exc or jinja2.UndefinedError)
        self._place = _place()

    @property
    def message(self) -> str:
        """What is undefined: ``'foo' is undefined``, ``object of type 'dict' has no attribute 'x'``."""
        return self._undefined_message

    def fault(self) -> TemplateFault:
        """The error for a person, with a near miss."""
        near = _near_miss(self._undefined_name, self._undefined_obj)
        return UndefinedFault(self.message, _line(self._place), remedy=f"Did you mean {near!r}?" if near else "")

    def _fail_with_undefined_error(self, *_: Any, **__: Any) -> NoReturn:
        raise Used(self)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


_OPERATORS = """
    add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow pos neg int float complex
    lt le gt ge eq ne call iter len contains bool hash str repr format
"""
for _name in _OPERATORS.split():
    setattr(Undefined, f"__{_name}__", Undefined._fail_with_undefined_error)  # noqa: SLF001  own class


class Broken(Undefined):
    """Stands for a value that exists but cannot be rendered: fails with the reason when it is used or asked about."""

    __slots__ = ("_reason",)
    _reason: TemplateFault

    @classmethod
    def because(cls, reason: TemplateFault) -> Self:
        """The value that fails with `reason`."""
        self = cls(reason.msg)
        self._reason = reason
        return self

    def fault(self) -> TemplateFault:
        """The reason."""
        return self._reason


def first_undefined(*values: Any) -> Undefined | None:
    """The first undefined value in `values`, looking into lists and mappings."""
    for value in values:
        if isinstance(value, Undefined):
            return value
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        if (found := first_undefined(*inside)) is not None:
            return found
    return None


def is_undefined(value: Any) -> bool:
    """Whether `value` does not exist. Raises Used for one that exists and is broken."""
    if isinstance(value, Broken):
        raise Used(value)
    return isinstance(value, Undefined)


_Place = tuple[Position, Any, int]


def _place() -> _Place:
    """The template's position, and the running line of its compiled code."""
    try:
        at = current().at
    except LookupError:
        at = NOWHERE
    frame = sys._getframe(2)  # noqa: SLF001  the documented way without the cost of inspect
    for _ in range(6):
        if "__jinja_template__" in frame.f_globals:
            return at, frame.f_globals["__jinja_template__"], frame.f_lineno
        if frame.f_back is None:
            break
        frame = frame.f_back
    return at, None, 0


def _line(place: _Place) -> Position:
    at, template, line = place
    if template is None or template.name is None:
        return at
    return Position(template.name, template.get_corresponding_lineno(line))


def _near_miss(name: Any, obj: Any) -> str:
    if not isinstance(name, str):
        return ""
    if obj is missing:
        try:
            known = current().templar.names()
        except LookupError:
            return ""
    else:
        known = [key for key in obj if isinstance(key, str)] if isinstance(obj, Mapping) and len(obj) < _MANY else []
    return next((near for near in get_close_matches(name, known, n=1, cutoff=0.75) if near != name), "")
