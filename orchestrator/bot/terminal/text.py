"""Message markup as text for a terminal, with or without escape sequences."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser

from orchestrator.bot.render.markup import Html, pad, width

# Select Graphic Rendition (ECMA-48, 8.3.117) for each tag.
STYLES: Mapping[str, str] = {"b": "1", "i": "3", "u": "4", "s": "9", "code": "36", "a": "4"}
BLOCKS: Mapping[str, str] = {"pre": "  ", "blockquote": "│ "}


def as_text(markup: Html, *, colour: bool) -> str:
    """The message as it should stand on the terminal, without a line break at its end."""
    reader = _Reader(colour)
    reader.feed(markup)
    reader.close()
    return reader.text.strip("\n")


def rows(text: str, columns: int) -> int:
    """How many rows of a terminal `columns` wide a text without escape sequences takes."""
    return sum(max(1, -(-width(line.expandtabs()) // max(1, columns))) for line in text.split("\n"))


def buttons(rows_of_labels: list[list[tuple[int, str]]]) -> str:
    """``[1] Close it  [2] Keep``; several rows are aligned with each other."""
    cells = [[f"[{number}] {label}" for number, label in row] for row in rows_of_labels]
    widest = max((width(cell) for row in cells for cell in row), default=0)
    many = len(cells) > 1 and any(len(row) > 1 for row in cells)
    return "\n".join("  ".join(pad(cell, widest) if many else cell for cell in row).rstrip() for row in cells)


class _Reader(HTMLParser):
    def __init__(self, colour: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._colour = colour
        self._styles: list[str] = []
        self._indent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in BLOCKS:
            self._new_line()
            self._indent = BLOCKS[tag]
        elif tag in STYLES:
            self._styles.append(STYLES[tag])

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._indent = ""
            self._new_line()
        elif tag in STYLES and STYLES[tag] in self._styles:
            self._styles.remove(STYLES[tag])

    def handle_data(self, data: str) -> None:
        if not self._indent and self.text.endswith("\n"):
            data = data.removeprefix("\n")
        for number, line in enumerate(data.split("\n")):
            if number:
                self.text += "\n"
            if not line:
                continue
            if self._indent and (not self.text or self.text.endswith("\n")):
                self.text += self._indent
            self.text += self._styled(line)

    def _styled(self, line: str) -> str:
        if not self._colour or not self._styles:
            return line
        return f"\x1b[{';'.join(self._styles)}m{line}\x1b[0m"

    def _new_line(self) -> None:
        if self.text and not self.text.endswith("\n"):
            self.text += "\n"
