"""Variables as the inventory gives them: a value, and where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Var(NamedTuple):
    """One variable's value and the ``file:line`` that gave it."""

    value: Any
    where: str


Vars = dict[str, Var]


@dataclass(frozen=True, slots=True)
class Vaulted:
    """A value encrypted with ansible-vault. It is carried along unread; nothing here can decrypt it."""

    ciphertext: str = field(repr=False)


class Verbatim(str):
    """Text marked ``!unsafe``: what looks like a template in it is meant literally."""

    __slots__ = ()


def fits(value: object) -> bool:
    """False for whole numbers beyond 64 bits: Python refuses to spell very large ones, and nothing here needs them."""
    return not isinstance(value, int) or value.bit_length() <= 64


def plain(variables: Mapping[str, Var]) -> dict[str, Any]:
    """The values without their places."""
    return {name: var.value for name, var in variables.items()}


def kind(value: object) -> str:
    """The word a person uses for a value's type."""
    return _KINDS.get(type(value), type(value).__name__)


_KINDS: dict[type, str] = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "yes or no",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
