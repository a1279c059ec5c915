"""Somebody who types and taps, and remembers all that was shown: a real router on real parts, without a face."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from orchestrator.bot.conversation import Request
from orchestrator.bot.message import CAPTION_LIMIT, TEXT_LIMIT, Button, Message
from orchestrator.bot.render.markup import Html, length, shown
from orchestrator.bot.router import Router
from orchestrator.control import Actor, Face
from orchestrator.store import ButtonRow, Buttons
from tests.telegram.markup import visible


async def until(condition: Callable[[], bool], within: float = 40.0) -> None:
    """Wait for something that will be true soon."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


@dataclass
class Shown:
    """One message: all the states in which it was shown, newest last, and the ids of its buttons now."""

    states: list[Message] = field(default_factory=list)
    buttons: list[tuple[Button, str]] = field(default_factory=list)

    @property
    def now(self) -> Message:
        return self.states[-1]

    @property
    def text(self) -> str:
        return shown(Html(self.now.html))

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def labels(self) -> list[str]:
        return [button.label for button, _ in self.buttons]

    def __str__(self) -> str:
        rows = (" ".join(f"[{button.label}]" for button in row) for row in self.now.buttons)
        file = [f"📄 {self.now.document.name}"] if self.now.document else []
        return "\n".join([self.text, *file, *rows])


class Recorder:
    """A `Chat` that keeps everything, and refuses what Telegram would refuse."""

    def __init__(self, buttons: Buttons, actor_id: str) -> None:
        self.messages: dict[int, Shown] = {}
        self._buttons = buttons
        self._actor_id = actor_id
        self._ids = itertools.count(100)

    async def send(self, message: Message) -> int:
        message_id = next(self._ids)
        self.messages[message_id] = Shown()
        await self._show(message_id, message)
        return message_id

    async def edit(self, message_id: int, message: Message) -> None:
        await self._show(message_id, message)

    async def _show(self, message_id: int, message: Message) -> None:
        visible(message.html)
        assert 0 < length(Html(message.html)) <= (CAPTION_LIMIT if message.picture else TEXT_LIMIT)
        assert message.html.strip()
        flat = [button for row in message.buttons for button in row]
        assert all(0 < len(button.label) <= 64 for button in flat)
        rows = [ButtonRow(b.verb, b.args, self._actor_id if b.personal else "", b.lifetime, b.once) for b in flat]
        ids = await self._buttons.put(rows) if rows else []
        entry = self.messages[message_id]
        entry.states.append(message)
        entry.buttons = list(zip(flat, ids, strict=True))


class Person:
    """An actor of the chat."""

    def __init__(self, router: Router, buttons: Buttons, number: int, language: str = "en") -> None:
        self.router = router
        self.actor = Actor(f"telegram:{number}", f"user {number}", Face.TELEGRAM)
        self.language = language
        self.number = number
        self.chat = Recorder(buttons, self.actor.id)

    async def say(self, text: str) -> Shown:
        """Type a command; returns the newest message when it is done."""
        await self.router.handle(self._request(text))
        return self.last

    def start(self, text: str) -> asyncio.Task[None]:
        """Type a command that will take a while."""
        return asyncio.create_task(self.router.handle(self._request(text)))

    async def talk(self, text: str) -> bool:
        """Write words that are no command; True when a conversation took them."""
        return await self.router.talk(replace(self._request(""), text=text))

    async def tap(self, label: str, *, on: Shown | None = None, chat: Recorder | None = None) -> str:
        """Tap the newest button whose label contains `label`; returns the notice, empty when it was taken and done."""
        message_id, button_id = self._find(label, on, chat or self.chat)
        return await self.press(button_id, message_id)

    async def press(self, button_id: str, message_id: int | None = None) -> str:
        """Tap a button by its id."""
        request = Request(
            self.actor, self.chat, self.language, "", message_id=message_id, user_id=self.number, chat_id=self.number
        )
        notice, taken = await self.router.press(button_id, request)
        if taken:
            await self.router.handle(taken)
        return notice

    def start_press(self, button_id: str) -> asyncio.Task[str]:
        """Tap a button that starts something which will take a while."""
        return asyncio.create_task(self.press(button_id, max(self.chat.messages)))

    @property
    def last(self) -> Shown:
        return self.chat.messages[max(self.chat.messages)]

    async def sees(self, condition: Callable[[Shown], bool], within: float = 40.0) -> Shown:
        """Wait until some message is as wanted."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            for entry in reversed(list(self.chat.messages.values())):
                if entry.states and condition(entry):
                    return entry
            await asyncio.sleep(0.01)
        raise AssertionError("\n---\n".join(map(str, self.chat.messages.values())))

    def _request(self, text: str) -> Request:
        name, _, rest = text.removeprefix("/").partition(" ")
        return Request(self.actor, self.chat, self.language, name, rest, user_id=self.number, chat_id=self.number)

    def _find(self, label: str, on: Shown | None, chat: Recorder) -> tuple[int, str]:
        for message_id, entry in self._newest_first(chat):
            if on is not None and entry is not on:
                continue
            for button, button_id in entry.buttons:
                if label in button.label:
                    return message_id, button_id
        raise AssertionError(f"no button {label!r} on: {on or self.last}")

    @staticmethod
    def _newest_first(chat: Recorder) -> Iterator[tuple[int, Shown]]:
        return iter(sorted(chat.messages.items(), reverse=True))
