"""A message that follows work in progress: edited as things happen, at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from orchestrator.bot.conversation import Chat, Request
from orchestrator.bot.message import Message

LAST_WORDS_S = 2.0
INTERVAL_S = 1.0  # Telegram allows about one message a second in a chat (Bots FAQ, "How can I...")


class Live:
    """Shows `draw()` in one message for as long as the block lasts.

    `changed` asks for a redraw; redraws that come too fast become one. Leaving the block stops the redraws and shows
    nothing: the caller shows the end with `finish`.
    """

    def __init__(self, chat: Chat, draw: Callable[[], Message], *, message_id: int | None = None) -> None:
        """`message_id`: an own earlier message to use, else a new one is sent."""
        self._chat = chat
        self._draw = draw
        self._message_id = message_id
        self._dirty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._message_id = await show(self._chat, self._draw(), self._message_id)
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and error is None:
            self._task.result()

    @property
    def message_id(self) -> int | None:
        """The message in use; None as long as nothing was shown."""
        return self._message_id

    def changed(self) -> None:
        """Ask for a redraw within a second."""
        self._dirty.set()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self._dirty.wait()
            self._dirty.clear()
            await show(self._chat, self._draw(), self._message_id)


async def last_words(request: Request, message: Message, message_id: int | None) -> None:
    """Work is cut off, perhaps because we are stopping: leave no message that looks as if it went on."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_S):
            await show(request.chat, message, message_id)


async def show(chat: Chat, message: Message, message_id: int | None) -> int:
    """Edit the message `message_id`, or send a new one when there is none; returns its id."""
    if message_id is None:
        return await chat.send(message)
    await chat.edit(message_id, message)
    return message_id
