"""Messages described by a line with fields in it, matched in linear time, and never believed where they could lie.

``Failed {method:password|none} for {user*} from {address} port {port} ssh2{key?}`` is text with fields:

- ``{name}`` is a word: it ends at a blank, or at the character that follows the field;
- ``{name:a|b}`` is one of these words;
- ``{name~}`` ends where the text that follows it is first found. It is for what no stranger chooses, such as the name
  of an account that exists;
- ``{name*}`` is anything. Followed by text and words, it ends where these stand last, at the end of the message. Two of
  them in one template may each contain what stands between them, so a message in which that stands twice is ambiguous;
- ``{name?}``, at the end, is ``: `` and anything, or nothing, and counts as anything.

A name that begins with ``_`` is matched and not told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_FIELD = re.compile(r"\{(?P<name>\w+)(?P<mode>[~*?]?)(?::(?P<choices>[^}]*))?\}")
_WORD = re.compile(r"[A-Za-z_-]*")
_NUMBERS = frozenset({"port", "pid"})


class Match(NamedTuple):
    """What a message says. `doubtful`: it can be read in two ways, and `fields` are those before the doubt."""

    fields: Mapping[str, str]
    doubtful: bool


class Template:
    """One form of a message."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for a template whose matching would be ambiguous in itself, or not linear."""
        self.text = text
        fields = list(_FIELD.finditer(text))
        loose = [index for index, field in enumerate(fields) if field["mode"] in ("*", "?")]
        if len(loose) > 2 or any(field["mode"] == "~" for field in (fields[loose[0] :] if loose else ())):
            raise ValueError(f"{text!r} has more than two fields that are anything, or a ~ after one")
        if any(field["mode"] == "?" and field.end() != len(text) for field in fields):
            raise ValueError(f"{text!r}: a field with ? is the last")
        names = [field["name"] for field in fields]
        self._names = tuple(names)
        self._regex = re.compile(_regex(text, fields) + r"\Z", re.ASCII | re.DOTALL)
        first_loose = fields[loose[0]] if loose else None
        self._firm = tuple(names[: loose[0]]) if loose else self._names
        self._loose = first_loose["name"] if first_loose else ""
        self._between: re.Pattern[str] | None = None
        if len(loose) == 2:
            between = text[fields[loose[0]].end() : fields[loose[1]].start()]
            if not between or between.startswith("{"):
                raise ValueError(f"{text!r} has nothing between two fields that are anything")
            inner = list(_FIELD.finditer(between))
            self._between = re.compile(_regex(between, inner, named=False), re.ASCII | re.DOTALL)
        self.ends_loose = bool(loose) and fields[loose[-1]].end() == len(text)
        """Whether nothing is lost when the end of a message is: its last field is anything."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words that a message of this form can begin with; none when it may begin with any."""
        field = _FIELD.match(self.text)
        if field is None:
            word = first_word(self.text)
            # `FAILED{x}` would go on with more letters
            return (word,) if len(word) < len(self.text) and self.text[len(word)] != "{" else ()
        return tuple(map(first_word, field["choices"].split("|"))) if field["choices"] else ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields."""
        return self._names

    def match(self, message: str, *, cut: bool = False) -> Match | None:
        """What `message` says in this form, None when it has another; `cut` tells that its end is missing."""
        found = self._regex.match(message)
        if found is None:
            return None
        doubtful = False
        if self._loose and cut and not (self.ends_loose and self._between is None):
            doubtful = True
        elif self._between is not None:
            first = self._between.search(message, found.start(self._loose))
            doubtful = first is not None and self._between.search(message, first.start() + 1) is not None
        names = self._firm if doubtful else self._names
        return Match({name: found[name] or "" for name in names if name[0] != "_"}, doubtful)


def first_word(text: str) -> str:
    """The letters that `text` begins with, by which its templates are found."""
    found = _WORD.match(text)
    return found[0] if found else ""


def _regex(text: str, fields: list[re.Match[str]], *, named: bool = True) -> str:
    """A regular expression for `text`: the first field that is anything is all that is ever gone back into."""
    parts, at = [], 0
    for index, field in enumerate(fields):
        parts.append(re.escape(text[at : field.start()]))
        at = field.end()
        following = text[at : fields[index + 1].start() if index + 1 < len(fields) else len(text)]
        group = f"?P<{field['name']}>" if named else "?:"
        if field["choices"]:
            choices = sorted(field["choices"].split("|"), key=len, reverse=True)
            parts.append(f"({group}{'|'.join(map(re.escape, choices))})")
        elif field["mode"] == "?":
            parts.append(f"(?:: ({group}.*+))?+")
        elif field["mode"] == "*":
            parts.append(f"({group}.*)" if following else f"({group}.*+)")
        elif field["mode"] == "~":
            if not following:
                raise ValueError(f"{text!r}: a field with ~ is followed by text")
            parts.append(f"(?>({group}.*?){re.escape(following)})")
            at += len(following)
        elif field["name"] in _NUMBERS:
            parts.append(f"({group}[0-9]{{1,10}}+)")
        else:
            stop = re.escape(following[:1]) if following else ""
            parts.append(f"({group}[^ {stop}]*+)")
    parts.append(re.escape(text[at:]))
    return "".join(parts)
