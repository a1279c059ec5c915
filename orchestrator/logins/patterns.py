"""patterns.toml, read: which programs speak of logins, and what their messages mean."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.logins.event import Kind
from orchestrator.logins.template import Template, first_word

_FILE = Path(__file__).with_name("patterns.toml")
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the messages of one meaning have in common. `samples` are whole events that tests expect of it."""

    id: str
    kind: Kind
    templates: tuple[Template, ...]
    ok: bool | None
    count: int
    fixed: Mapping[str, str]
    """Fields of the event that are the same in each."""
    samples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that speaks of logins, under all its names. `processes` are what the kernel calls it (``_COMM``)."""

    name: str
    processes: frozenset[str]
    prefixes: tuple[str, ...]
    """What may stand before a message and says nothing: ``error: ``."""
    escapes: bool
    """Whether it escapes what it writes with strnvis(3)."""
    suffix: str
    """What stands behind a message that one part of it relayed for another, and so escaped once more."""
    longest: int
    """Bytes of a message from which on it may have been cut; 0: it is not known to cut."""
    started_by_users: bool
    """Whether it is setuid root: the kernel then names the user who started it."""
    patterns: Mapping[str, tuple[tuple[Pattern, Template], ...]]
    """By the first word of a message; under ``""`` what may begin with any word."""

    def candidates(self, message: str) -> tuple[tuple[Pattern, Template], ...]:
        """What a message may be, in the order to try."""
        found = self.patterns.get(first_word(message))
        return self.patterns[""] if found is None else found


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that is understood; `programs` by each of their names (syslog's identifiers)."""

    programs: Mapping[str, Program]
    patterns: Sequence[Pattern]


@functools.cache
def catalogue() -> Catalogue:
    """The patterns that come with the program."""
    return read(_FILE.read_text(encoding="utf-8"))


def read(text: str) -> Catalogue:
    """A catalogue from TOML. Raises ValueError or KeyError for one that cannot be used."""
    table = tomllib.loads(text)
    patterns = [(entry["programs"], _pattern(entry)) for entry in table["pattern"]]
    programs: dict[str, Program] = {}
    for name, entry in table["program"].items():
        own = [pattern for programs_, pattern in patterns if name in programs_ or _ANY in programs_]
        program = Program(
            name=name,
            processes=frozenset(entry["processes"]),
            prefixes=tuple(entry.get("prefixes", ())),
            escapes=entry.get("escapes", False),
            suffix=entry.get("suffix", ""),
            longest=entry.get("longest", 0),
            started_by_users=entry.get("started_by_users", False),
            patterns=_by_word(own),
        )
        programs.update(dict.fromkeys(entry["names"], program))
    return Catalogue(programs, [pattern for _, pattern in patterns])


def _pattern(entry: Mapping[str, Any]) -> Pattern:
    kind = Kind(entry["kind"])
    known = {Kind.LOGIN: True, Kind.FAILED: False, Kind.INVALID_USER: False}
    return Pattern(
        id=entry["id"],
        kind=kind,
        templates=tuple(Template(text) for text in entry["match"]),
        ok=entry.get("ok", known.get(kind)),
        count=entry.get("count", 1),
        fixed=entry.get("set", {}),
        samples=tuple(entry["sample"]),
    )


def _by_word(patterns: Sequence[Pattern]) -> dict[str, tuple[tuple[Pattern, Template], ...]]:
    pairs = [(pattern, template) for pattern in patterns for template in pattern.templates]
    words = {word for _, template in pairs for word in template.words}
    return {word: tuple(pair for pair in pairs if not pair[1].words or word in pair[1].words) for word in (*words, "")}
