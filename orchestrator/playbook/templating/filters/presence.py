"""Filters about whether there is a value: default, mandatory, ternary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.kinds import kind
from orchestrator.playbook.templating.undefined import Undefined, is_undefined


def takes_undefined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that wants to see undefined values; for others the result is undefined as well."""
    function.takes_undefined = True  # type: ignore[attr-defined]
    return function


@takes_undefined
def default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """`default_value` if `value` is undefined, or, with `boolean`, if it is empty or false."""
    return default_value if is_undefined(value) or (boolean and not value) else value


@takes_undefined
def mandatory(value: Any, msg: str | None = None) -> Any:
    """Fail, with `msg`, if `value` is undefined."""
    if is_undefined(value):
        name = value._undefined_name  # noqa: SLF001  Jinja2 has no public way
        raise TemplateFault(
            msg if msg is not None else f"Mandatory variable {f'{name!r} ' if name else ''}not defined."
        )
    return value


@takes_undefined
def ternary(value: Any, true_val: Any, false_val: Any, none_val: Any = None) -> Any:
    """`true_val` or `false_val` as `value` is true or not; `none_val`, if given, where it is null."""
    if value is None and none_val is not None:
        return none_val
    return true_val if value else false_val


@takes_undefined
def type_debug(value: Any) -> str:
    """The name of the value's type."""
    return "UndefinedMarker" if isinstance(value, Undefined) else kind(value)


FILTERS: dict[str, Callable[..., Any]] = {
    "d": default,
    "default": default,
    "mandatory": mandatory,
    "ternary": ternary,
    "type_debug": type_debug,
}
