"""Where messages appear: a terminal that can be drawn over, or a stream that cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
        self._held: dict[int, tuple[Html, str]] = {}
        self._last: tuple[int, int, int] | None = None  # message id, its rows, columns when drawn
        self._drawn: dict[int, tuple[Html, str]] = {}

    async def show(self, message_id: int, markup: Html, footer: str) -> None:
        """Draw over the last message, or write a new one below."""
        size = self._output.get_size()
        replaced = 0
        if (
            self._last
            and self._last[0] == message_id
            and self._last[2] == size.columns
            and self._last[1] < size.rows - 2
        ):
            replaced = self._last[1]
        elif message_id in self._drawn:
            self._held[message_id] = (markup, footer)
            return
        await self._write(message_id, markup, footer, replaced)

    async def settle(self) -> None:
        """Write again what changed further up."""
        held, self._held = self._held, {}
        for message_id, (markup, footer) in held.items():
            if self._drawn.get(message_id) != (markup, footer):
                await self._write(message_id, markup, footer, 0)

    def typed(self) -> None:
        """The person has typed a line: the last message is no longer right above the prompt."""
        self._last = None

    async def _write(self, message_id: int, markup: Html, footer: str, replaced: int) -> None:
        text = _joined(as_text(markup, colour=True), footer)
        columns = self._output.get_size().columns

        def draw() -> None:
            if replaced:
                self._output.write_raw(f"\x1b[{replaced}F\x1b[J")
            self._output.write_raw(text.replace("\n", "\r\n") + "\r\n\r\n")
            self._output.flush()

        await self._in_terminal(draw)
        self._last = (message_id, rows(_joined(as_text(markup, colour=False), footer), columns) + 1, columns)
        self._drawn[message_id] = (markup, footer)


def _joined(text: str, footer: str) -> str:
    return f"{text}\n{footer}" if footer else text
