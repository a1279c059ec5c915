"""Arguments written as one line: ``copy: src=a dest="b c"``, ``command: ls -l creates=/x``.

The rules are those of ansible-core's parsing/splitter.py: space and newline separate, quotes and Jinja2 blocks hold
together, a backslash alone continues the line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection

from orchestrator.errors import PlaybookError
from orchestrator.playbook.text import Text

COMMAND_OPTIONS = frozenset(
    ("creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends")
)
"""What ``NAME=value`` means an option of a command and not a part of it."""

_ESCAPE = re.compile(r"""\\(U[0-9a-fA-F]{8}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|N\{[^}]+\}|[\\'"abfnrtv])""")
_EQUALS = re.compile(r"(?<!^)(?<!\\)=")
_BLOCKS = (("{{", "}}"), ("{%", "%}"), ("{#", "#}"))


def parse(line: Text, options: Collection[str] | None = None) -> tuple[dict[str, Text], Text | None]:
    """The ``name=value`` pairs of `line`, and what is left of it, or None.

    With `options`, other names belong to what is left. Raises PlaybookError for unbalanced quotes or blocks.
    """
    pairs: dict[str, Text] = {}
    rest: list[str] = []
    for word in split(line):
        plain = _unescape(word)
        equals = _EQUALS.search(plain)
        if equals is None:
            rest.append(plain.replace("\\=", "=") if "=" in plain else word)
            continue
        name, value = plain[: equals.start()], plain[equals.end() :]
        if options is not None and name not in options:
            rest.append(word)
        else:
            pairs[name.strip()] = Text(_unquote(value.strip()), line.at)
    return pairs, Text(_join(rest), line.at) if rest else None


def split(line: Text) -> list[str]:
    """The words of `line` with their quotes; white space that follows one is kept at its end, but for one space."""
    words: list[str] = []
    quote = ""
    depth = dict.fromkeys(_BLOCKS, 0)
    lines = line.split("\n")
    for row, content in enumerate(lines):
        continued = False
        for column, piece in enumerate(content.split(" ")):
            if not piece and column:
                words[-1:] = [words[-1] + " "] if words else [" "]
                continue
            if piece == "\\" and not quote:
                continued = True
                continue
            inside = quote or any(depth.values())
            quote = _quote_after(piece, quote)
            changed = _count(piece, depth)
            if inside:
                words[-1] += (" " if column else "") + piece
            elif piece or quote or changed:
                words.append(piece)
        if row < len(lines) - 1 and not continued:
            words[-1:] = [words[-1] + "\n"] if words else ["\n"]
    if quote or any(depth.values()):
        raise PlaybookError("a quote or a Jinja2 block is not closed", where=str(line.at), remedy="Close it.")
    return words


def _quote_after(piece: str, quote: str) -> str:
    """The quote that is open after `piece`."""
    before = ""
    for character in piece:
        if character in "\"'" and before != "\\":
            if not quote:
                quote = character
            elif quote == character:
                quote = ""
        before = character
    return quote


def _count(piece: str, depth: dict[tuple[str, str], int]) -> bool:
    """Count the blocks that `piece` opens and closes; whether any count changed."""
    changed = False
    for block, open_before in depth.items():
        depth[block] = max(0, open_before + piece.count(block[0]) - piece.count(block[1]))
        changed |= depth[block] != open_before
    return changed


def _join(words: list[str]) -> str:
    joined = ""
    for word in words:
        joined += word if not joined or joined.endswith("\n") else " " + word
    return joined


def _unescape(word: str) -> str:
    return _ESCAPE.sub(lambda found: codecs.decode(found.group(0), "unicode-escape"), word)


def _unquote(value: str) -> str:
    """Without the quotes around it (parsing/quoting.py)."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" and value[-2] != "\\":
        return value[1:-1]
    return value
