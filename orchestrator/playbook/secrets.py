"""What must not be shown, and its removal from everything that is."""

from __future__ import annotations

import json
import re
import shlex
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from os.path import commonprefix
from typing import Any
from urllib.parse import quote, quote_plus

from orchestrator.playbook.events import Diff

MASK = "********"
_SHORTEST = 4
_SHORTEST_LINE = 8


class Secrets:
    """The secret texts of a run. Shorter ones than four characters are let be: masking them would give them away."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Mask `secret` from now on, also as base64, JSON, shell word and URL would spell it, and each of its lines."""
        spellings = set(_spellings(secret)) - self._spellings
        if spellings:
            self._spellings |= spellings
            self._pattern = None

    def add_all(self, value: Any) -> None:
        """Mask every text of eight or more characters in `value`: what an encrypted file of variables holds.

        Shorter ones are ordinary words (``root``, ``true``) too often.
        """
        if isinstance(value, str) and len(value) >= _SHORTEST_LINE:
            self.add(value)
        elif isinstance(value, Mapping):
            for item in value.values():
                self.add_all(item)
        elif isinstance(value, list | tuple):
            for item in value:
                self.add_all(item)

    def mask(self, value: Any) -> Any:
        """`value` with every secret in its texts replaced; containers are copied only if something changes."""
        if not self._spellings:
            return value
        if self._pattern is None:
            self._pattern = re.compile(_any_of(sorted(self._spellings)))
        return self._masked(value, self._pattern)

    def _masked(self, value: Any, pattern: re.Pattern[str]) -> Any:
        if isinstance(value, str):
            return pattern.sub(MASK, value) if pattern.search(value) else value
        if isinstance(value, Mapping):
            return {self._masked(key, pattern): self._masked(item, pattern) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self._masked(item, pattern) for item in value])
        if isinstance(value, Diff):
            names = ("before", "after", "before_header", "after_header", "prepared")
            return replace(value, **{name: self._masked(getattr(value, name), pattern) for name in names})
        return value


def _any_of(words: list[str]) -> str:
    """A regular expression for the longest of `words`, which are sorted, at a place.

    Words with a common beginning share it: one test a character, however many words there are.
    """
    branches = []
    for _, group in groupby(words, key=lambda word: word[0]):
        alike = list(group)
        start = commonprefix(alike)  # noqa: RUF071  character by character is what is wanted
        rest = [word[len(start) :] for word in alike if word != start]
        optional = "?" if len(rest) < len(alike) else ""
        branches.append(re.escape(start) + (f"(?:{_any_of(rest)}){optional}" if rest else ""))
    return "|".join(branches)


def _spellings(secret: str) -> Iterator[str]:
    whole = secret.strip()
    if len(whole) < _SHORTEST:
        return
    lines = [line.strip() for line in whole.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
    for text in dict.fromkeys((secret, whole, *lines)):
        if len(text) < _SHORTEST:
            continue
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield shlex.quote(text)
        yield quote(text)
        yield quote(text, safe="")
        yield quote_plus(text)
    yield from _base64(whole)
    yield from _base64(whole + "\n")


def _base64(text: str) -> Iterator[str]:
    """How base64 spells `text`, wherever in a longer text it stands: without the edges that depend on neighbours."""
    data = text.encode("utf-8", "surrogateescape")
    if len(data) < _SHORTEST_LINE:
        yield b64encode(data).decode()
        return
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + data).decode().rstrip("=")
        start = (0, 2, 3)[offset]
        end = len(encoded) - (1 if (offset + len(data)) % 3 else 0)
        yield encoded[start:end]
        yield encoded[start:end].replace("+", "-").replace("/", "_")
