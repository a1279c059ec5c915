"""Telegram's HTML subset, made so that nothing from a host or a person can break it.

`Html` is text that is safe to send; the only way from `str` to `Html` goes through `esc`, which also takes away what
could deceive or harm a reader (terminal escapes, control and bidirectional characters).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import NewType

from wcwidth import wcswidth, wcwidth

from orchestrator.fleet.clean import clean

Html = NewType("Html", str)

TAG = re.compile(r"<[^>]*>")
COLUMNS = 38  # what a phone shows of a line in a monospace block


def esc(text: str) -> Html:
    """`text` as it should be read, markup characters escaped."""
    return Html(html.escape(clean(text), quote=False))


def bold(text: str) -> Html:
    """Bold text."""
    return Html(f"<b>{esc(text)}</b>")


def code(text: str) -> Html:
    """Monospace within a line; a tap on it copies it."""
    return Html(f"<code>{esc(text)}</code>")


def pre(text: str) -> Html:
    """A monospace block; nothing for blank text, which Telegram would refuse."""
    body = esc(text).strip("\n")
    return Html(f"<pre>{body}</pre>") if body.strip() else Html("")


def folded(text: str) -> Html:
    """A block that shows its first lines until it is opened."""
    body = esc(text).strip("\n")
    return Html(f"<blockquote expandable>{body}</blockquote>") if body.strip() else Html("")


def lines(parts: Iterable[Html]) -> Html:
    """The parts under each other, empty ones left out."""
    return Html("\n".join(part for part in parts if part))


def spaced(parts: Iterable[Html]) -> Html:
    """The parts in one line, empty ones left out."""
    return Html(" ".join(part for part in parts if part))


def shown(markup: Html) -> str:
    """What a reader sees of it, without the markup."""
    return html.unescape(TAG.sub("", markup))


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 code units (Bot API, MessageEntity)."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def length(markup: Html) -> int:
    """Length of what is shown, in UTF-16 code units: what `TEXT_LIMIT` is about."""
    return units(shown(markup))


def width(text: str) -> int:
    """Columns of a terminal or a monospace block: wide characters count two."""
    columns = wcswidth(text)
    return columns if columns >= 0 else len(text)


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill up with spaces to `columns`; `right` aligns to the right."""
    fill = " " * max(0, columns - width(text))
    return fill + text if right else text + fill


def cut(text: str, columns: int) -> str:
    """At most `columns` wide, an ellipsis in place of what was cut off the end."""
    if width(text) <= columns:
        return text
    kept: list[str] = []
    left = columns - 1
    for char in text:
        left -= max(wcwidth(char), 0)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept) + "…"


def take(text: str, limit: int) -> str:
    """The beginning of `text` that fits in `limit` UTF-16 units."""
    end = min(len(text), max(0, limit))
    while units(text[:end]) > limit:
        end -= max(1, (units(text[:end]) - limit) // 2)
    return text[:end]


def cut_units(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units, an ellipsis in place of what was cut off the end."""
    return text if units(text) <= limit else take(text, limit - 1) + "…"


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), gap: str = " ") -> list[str]:
    """Rows of cells with each column aligned (columns in `right` to the right); no trailing spaces."""
    widths: list[int] = []
    for row in rows:
        for number, cell in enumerate(row):
            if number == len(widths):
                widths.append(0)
            widths[number] = max(widths[number], width(cell))
    return [
        gap.join(pad(cell, widths[number], right=number in right) for number, cell in enumerate(row)).rstrip()
        for row in rows
    ]
