"""Types of module arguments, with Ansible's conversions and no others."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

_TRUE = frozenset(("y", "yes", "on", "1", "true", "t"))
_FALSE = frozenset(("n", "no", "off", "0", "false", "f"))


def _flag(value: Any) -> Any:
    """Ansible's words for true and false (ansible.module_utils.parsing.convert_bool)."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if isinstance(value, str | int | float) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("must be yes or no")


def _text(value: Any) -> Any:
    """Numbers and truth values become text, as Ansible does; lists and mappings do not."""
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise ValueError("must be text")


def _whole(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    if isinstance(value, str | float):
        try:
            number = float(value)
        except ValueError:
            number = 0.5
        if number != int(number):
            raise ValueError("must be a whole number")
        return int(number)
    return value


def _words(value: Any) -> Any:
    """A list; a comma-separated text becomes one, a single number too."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if value else []
    if isinstance(value, bool | int | float):
        return [str(value)]
    return value


def _mode(value: Any) -> Any:
    """A mode stays a whole number when YAML read it as one (``0644``), else text: octal or symbolic."""
    if isinstance(value, bool):
        raise ValueError("must be a mode such as '0644' or u=rw,g=r")
    return value if isinstance(value, int) else _text(value)


Flag = Annotated[bool, BeforeValidator(_flag)]
Words = Annotated[str, BeforeValidator(_text)]
"""Text (the name says that a number is text, too)."""
Whole = Annotated[int, BeforeValidator(_whole)]
TextList = Annotated[list[Annotated[str, BeforeValidator(_text)]], BeforeValidator(_words)]
Mode = Annotated[int | str, BeforeValidator(_mode)]


def also(*names: str, default: Any = ...) -> Any:
    """A field that may be given under any of `names`: its own first, then Ansible's aliases."""
    return Field(default=default, validation_alias=AliasChoices(*names))
