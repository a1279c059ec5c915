"""Types of keywords: literal values get their final type here, templates wait for the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from orchestrator.errors import PlaybookError
from orchestrator.inventory.variables import Vaulted, kind
from orchestrator.playbook.text import Position, Text

_TRUE = frozenset(("y", "yes", "on", "1", "true", "t"))
_FALSE = frozenset(("n", "no", "off", "0", "false", "f"))
_NO_NAMES = frozenset(("true", "false", "none", "True", "False", "None", "not"))
_OPENINGS = ("{{", "{%", "{#")

Reader = Callable[[Any, str, Position], Any]
"""Takes a value as YAML gave it, the keyword's name and its place. Raises PlaybookError."""


def is_template(value: object) -> bool:
    """Whether `value` itself is text to render, or a secret to decrypt, on each host."""
    if isinstance(value, Vaulted):
        return True
    return isinstance(value, Text) and any(opening in value for opening in _OPENINGS)


def holds_template(value: object) -> bool:
    """Whether anything in `value` waits for the host."""
    if isinstance(value, dict):
        return any(holds_template(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return any(holds_template(item) for item in value)
    return is_template(value)


def say(value: object) -> str:
    """What a person calls the type of `value`."""
    return "text" if isinstance(value, str) else kind(value)


def wrong(name: str, wanted: str, value: object, at: Position, remedy: str = "") -> PlaybookError:
    """The error for a keyword of a wrong type."""
    shown = f"{str(value)!r}" if isinstance(value, str | int | float) and not isinstance(value, bool) else say(value)
    return PlaybookError(f"{name} takes {wanted}, not {shown}", where=str(at), remedy=remedy)


def anything(value: Any, _name: str, _at: Position) -> Any:
    """No type: what takes it looks at it later."""
    return value


def flag(value: Any, name: str, at: Position) -> Any:
    """Yes or no, in all of Ansible's words."""
    if value is None or isinstance(value, bool) or is_template(value):
        return value
    word = str(value).strip().lower()
    if isinstance(value, str | int) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise wrong(name, "yes or no", value, at)


def text(value: Any, name: str, at: Position) -> Any:
    """Text; a number is text, too."""
    if value is None or isinstance(value, str | Vaulted):
        return value
    if isinstance(value, int | float):
        return Text(str(value), at)
    raise wrong(name, "text", value, at)


def static_text(value: Any, name: str, at: Position) -> Any:
    """Text that must be known before anything runs."""
    if is_template(value):
        raise PlaybookError(f"{name} cannot hold a template", where=str(at), remedy="Write its value out.")
    return text(value, name, at)


def variable_name(value: Any, name: str, at: Position) -> Any:
    """The name of a variable."""
    if value is None:
        return None
    if isinstance(value, str) and is_variable_name(value):
        return str(value)
    raise wrong(name, "the name of a variable", value, at, "Use letters, digits and underscores.")


def is_variable_name(name: str) -> bool:
    """Whether a variable may be called so (ansible-core, utils/vars.py, validate_variable_name)."""
    return name.isascii() and name.isidentifier() and name not in _NO_NAMES


def whole(value: Any, name: str, at: Position) -> Any:
    """A whole number."""
    if value is None or is_template(value) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    number = _number(value)
    if number is not None and number == int(number):
        return int(number)
    raise wrong(name, "a whole number", value, at)


def number(value: Any, name: str, at: Position) -> Any:
    """A number, a fraction too."""
    if value is None or is_template(value):
        return value
    found = _number(value)
    if found is None:
        raise wrong(name, "a number", value, at)
    return found


def percentage(value: Any, name: str, at: Position) -> Any:
    """A number with or without ``%``."""
    if isinstance(value, Text) and not is_template(value):
        value = value.replace("%", "")
    return number(value, name, at)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def batches(value: Any, name: str, at: Position) -> tuple[Any, ...]:
    """Sizes of batches: whole numbers, percentages, templates."""
    return tuple(_batch(item, name, at) for item in _listed(value))


def _batch(value: Any, name: str, at: Position) -> Any:
    if isinstance(value, Text) and (is_template(value) or _number(value.removesuffix("%")) is not None):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong(name, "whole numbers or percentages", value, at)


def texts(value: Any, name: str, at: Position) -> tuple[Any, ...]:
    """One text or a list of them."""
    return tuple(text(item, name, at) for item in _listed(value))


def static_texts(value: Any, name: str, at: Position) -> tuple[str, ...]:
    """One text or a list of them, known before anything runs."""
    return tuple(static_text(item, name, at) for item in _listed(value))


def names(value: Any, name: str, at: Position) -> frozenset[str]:
    """Tags: a list, or text with commas; a list's entries are not split (taggable.py)."""
    if isinstance(value, str):
        value = [Text(part.strip(), at) for part in value.split(",")]
    elif value is not None and not isinstance(value, list):
        raise wrong(name, "a list or text with commas", value, at)
    return frozenset(str(item) for item in static_texts(value, name, at))


def conditions(value: Any, name: str, at: Position) -> tuple[Any, ...]:
    """Expressions, all of which must hold: text, or yes and no."""
    found = _listed(value)
    for item in found:
        if not isinstance(item, Text | bool):
            raise wrong(name, "expressions", item, at)
    return tuple(found)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return [item for item in value if item is not None] if isinstance(value, list) else [value]


def variables(value: Any, name: str, at: Position) -> dict[str, Any]:
    """A mapping of variables."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(name, "a mapping of variables", value, at)
    for key in value:
        if not isinstance(key, str) or not is_variable_name(key):
            place = key.at if isinstance(key, Text) else at
            what = f"{key!s} cannot be the name of a variable"
            raise PlaybookError(what, where=str(place), remedy="Use letters, digits and underscores.")
    return value


def environment(value: Any, name: str, at: Position) -> tuple[Any, ...]:
    """Mappings of environment variables, or templates that render to one."""
    found = _listed(value)
    for item in found:
        if not isinstance(item, dict) and not is_template(item):
            raise wrong(name, "a mapping", item, at)
    return tuple(found)


def mapping(value: Any, name: str, at: Position) -> dict[str, Any]:
    """A mapping with names as keys."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise wrong(name, "a mapping", value, at)
    return value


def steps(value: Any, name: str, at: Position) -> list[Any]:
    """A list, of tasks or roles."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(name, "a list", value, at, "Start each entry with a dash.")
    return value


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`, as the end of an error; nothing if none is alike."""
    short = name.rpartition(".")[2]
    candidates = list(known)
    alike = get_close_matches(name, candidates, 1, 0.6) or get_close_matches(short, candidates, 1, 0.6)
    if not alike:
        alike = [each for each in candidates if each in short.split("_") or short in each.split("_")][:1]
    return f"; nearest: {alike[0]}" if alike else ""
