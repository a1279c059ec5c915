"""Text and where it was written. Only text from files of ours is ever a template."""

from __future__ import annotations

from typing import Any, NamedTuple, Self


class Position(NamedTuple):
    """A place in a file, for a person: ``deploy.yml:12``."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Position("", 0)


class Text(str):
    """Text that an operator wrote (playbook, role, inventory, ``-e``), at `at`; it may hold a template.

    What a host answers, a fact, a registered result, what a template rendered to, is plain `str` and never looked into:
    a host that answers ``{{ ... }}`` must not run code on the control node.
    """

    __slots__ = ("at",)
    at: Position

    def __new__(cls, text: str, at: Position = NOWHERE) -> Self:
        """`text` as written at `at`."""
        self = super().__new__(cls, text)
        self.at = at
        return self


def trusted(value: Any, at: Position = NOWHERE) -> Any:
    """`value` with every string in it, keys aside, marked as written by an operator."""
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        return Text(value, at) if type(value) is str else value  # Verbatim stays what it is
    if isinstance(value, dict):
        return {key: trusted(item, at) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item, at) for item in value]
    return value
