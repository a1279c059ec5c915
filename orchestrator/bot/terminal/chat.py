"""The `Chat` of a terminal: messages on a screen, buttons as numbers, documents as files."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from pathlib import Path

from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.render.markup import Html
from orchestrator.bot.terminal.screen import Screen
from orchestrator.bot.terminal.text import buttons as buttons_text
from orchestrator.store import ButtonRow, Buttons

NAME = re.compile(r"[^\w.-]")


class TerminalChat:
    """One person's chat. A button keeps its number for good; `documents` is the folder for files.

    On a screen that is not `live` only the last state of each message is shown, when the request is done.
    """

    def __init__(self, buttons: Buttons, actor_id: str, screen: Screen, documents: Path) -> None:
        self._buttons = buttons
        self._actor_id = actor_id
        self._screen = screen
        self._documents = documents
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._messages: dict[int, tuple[tuple[tuple[Button, ...], ...], list[list[tuple[int, str]]]]] = {}
        self._held: dict[int, Message] = {}
        self._taps: dict[int, tuple[str, int]] = {}

    async def send(self, message: Message) -> int:
        """Show a new message."""
        message_id = next(self._ids)
        await self.edit(message_id, message)
        return message_id

    async def edit(self, message_id: int, message: Message) -> None:
        """Show a message's new state."""
        if self._screen.live:
            await self._show(message_id, message)
        else:
            self._held[message_id] = message

    async def settle(self) -> None:
        """A request is done: show what was held back."""
        held, self._held = self._held, {}
        for message_id, message in held.items():
            await self._show(message_id, message)
        await self._screen.settle()

    @property
    def newest_button(self) -> int | None:
        """The number of the first button that was put up last."""
        return next((rows[0][0][0] for _, rows in reversed(self._messages.values()) if rows), None)

    def button(self, number: int) -> tuple[str, int] | None:
        """The button id of a number, and the message it stands under."""
        return self._taps.get(number)

    async def _show(self, message_id: int, message: Message) -> None:
        parts = [buttons_text(await self._numbered(message_id, message.buttons))]
        if message.picture:
            parts.append(f"🖼 {await asyncio.to_thread(self._save, message.picture)}")
        if message.document:
            parts.append(f"📄 {await asyncio.to_thread(self._save, message.document)}")
        await self._screen.show(message_id, Html(message.html), "\n".join(part for part in parts if part))

    async def _numbered(self, message_id: int, rows: tuple[tuple[Button, ...], ...]) -> list[list[tuple[int, str]]]:
        """Numbers for the buttons; the same ones as long as the buttons stay the same."""
        known = self._messages.get(message_id)
        if known and known[0] == rows:
            return known[1]
        flat = [button for row in rows for button in row]
        ids = await self._buttons.put([self._row(button) for button in flat]) if flat else []
        numbered = []
        rest = iter(ids)
        for row in rows:
            labels = []
            for button in row:
                number = next(self._numbers)
                self._taps[number] = (next(rest), message_id)
                labels.append((number, button.label))
            numbered.append(labels)
        self._messages[message_id] = (rows, numbered)
        return numbered

    def _row(self, button: Button) -> ButtonRow:
        requester = self._actor_id if button.personal else ""
        return ButtonRow(button.verb, button.args, requester, button.lifetime, button.once)

    def _save(self, document: Document) -> Path:
        """Write a document under a name of its own, for its owner only."""
        self._documents.mkdir(parents=True, exist_ok=True, mode=0o700)
        stem, dot, ending = NAME.sub("_", document.name).lstrip(".").rpartition(".")
        for number in itertools.count(1):
            name = f"{stem}{f'-{number}' if number > 1 else ''}{dot}{ending}"
            try:
                descriptor = os.open(self._documents / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(descriptor, "wb") as file:
                file.write(document.content)
            return self._documents / name
        raise AssertionError("unreachable")
