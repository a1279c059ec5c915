"""Where messages appear: a terminal that can be drawn over, or a stream that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TextIO

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.output import Output

from orchestrator.bot.render.markup import Html
from orchestrator.bot.terminal.text import as_text, rows


class Screen(Protocol):
    """Shows messages by their id. `footer` is plain text under the markup: buttons, file names.

    `live`: a person watches, so states in between are worth showing.
    """

    live: ClassVar[bool]

    async def show(self, message_id: int, markup: Html, footer: str) -> None:
        """Show a message, or its newest state."""

    async def settle(self) -> None:
        """A request is done: show what was held back."""


class Transcript:
    """A stream that only grows."""

    live: ClassVar[bool] = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def show(self, message_id: int, markup: Html, footer: str) -> None:  # noqa: ARG002
        """Write it below what is there."""
        self.write(_joined(as_text(markup, colour=False), footer))

    async def settle(self) -> None:
        """Nothing is held back."""

    def write(self, text: str) -> None:
        """Write one text and an empty line."""
        self._stream.write(f"{text}\n\n")
        self._stream.flush()


class Drawn:
    """A terminal with a prompt at its end. The message right above the prompt is drawn over when it changes; one that
    is further up is written again when the request is done.
    """

    live: ClassVar[bool] = True

    def __init__(
        self, output: Output, in_terminal: Callable[[Callable[[], None]], Awaitable[None]] | None = None
    ) -> None:
        self._output = output
        self._in_terminal = in_terminal or run_in_terminal
        self._lock = asyncio.Lock()
        self._last: _Drawing | None = None
        self._drawn: set[int] = set()
        self._held: dict[int, tuple[Html, str]] = {}

    async def show(self, message_id: int, markup: Html, footer: str) -> None:
        """Draw over the last message, or write a new one below."""
        async with self._lock:
            if message_id in self._drawn and not self._over(message_id):
                self._held[message_id] = (markup, footer)
            else:
                self._held.pop(message_id, None)
                await self._write(message_id, markup, footer)

    async def settle(self) -> None:
        """Write again what changed further up."""
        async with self._lock:
            held, self._held = self._held, {}
            for message_id, (markup, footer) in held.items():
                await self._write(message_id, markup, footer)

    def typed(self) -> None:
        """The prompt has moved down a line: the last message is no longer right above it."""
        self._last = None

    def _over(self, message_id: int) -> int:
        """How many rows to go up to draw over the message; 0 when it cannot be."""
        size, last = self._output.get_size(), self._last
        if last is None or last.message_id != message_id or last.columns != size.columns or last.rows > size.rows - 2:
            return 0
        return last.rows

    async def _write(self, message_id: int, markup: Html, footer: str) -> None:
        def draw() -> None:
            if up := self._over(message_id):  # asked only now: a line may have been typed since
                self._output.write_raw(f"\x1b[{up}F\x1b[J")
            text = _joined(as_text(markup, colour=True), footer)
            self._output.write_raw(text.replace("\n", "\r\n") + "\r\n\r\n")
            self._output.flush()
            columns = self._output.get_size().columns
            height = rows(_joined(as_text(markup, colour=False), footer), columns) + 1
            self._last = _Drawing(message_id, height, columns)
            self._drawn.add(message_id)

        await self._in_terminal(draw)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The message right above the prompt: its height, and the width of the terminal when it was drawn."""

    message_id: int
    rows: int
    columns: int


def _joined(text: str, footer: str) -> str:
    return f"{text}\n{footer}" if footer else text
