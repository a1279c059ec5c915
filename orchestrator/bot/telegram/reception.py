"""Serves what the gatekeeper let in, and turns away the rest with a word."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from telegram.error import BadRequest, TelegramError

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues, Languages, Locale
from orchestrator.bot.message import Message
from orchestrator.bot.render.markup import esc
from orchestrator.bot.router import Router
from orchestrator.bot.telegram.chat import TelegramChat
from orchestrator.bot.telegram.client import Client, Fate, fate_of
from orchestrator.bot.telegram.gatekeeper import Chatter, Command, Refusals, Sender, Stranger, Tap, Verdict
from orchestrator.bot.telegram.pace import Pace
from orchestrator.control import Actor, Face

log = logging.getLogger(__name__)

STALE_S = 60.0
MOST_COMMANDS: Final = 32  # at once; taps are let in on top, since one of them may be what stops a command
MOST_AT_ONCE: Final = 128
NOTICE_LIMIT = 200  # characters (https://core.telegram.org/bots/api#answercallbackquery)

OpenChat = Callable[[Sender, str, Locale], TelegramChat]


class Reception:
    """Answers verdicts of the gatekeeper. `open_chat` makes the chat for a sender, an actor id and a locale."""

    def __init__(
        self,
        *,
        client: Client,
        router: Router,
        languages: Languages,
        catalogues: Catalogues,
        open_chat: OpenChat,
        pace: Pace,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._router = router
        self._languages = languages
        self._catalogues = catalogues
        self._open_chat = open_chat
        self._pace = pace
        self._now = now
        self._refusals = Refusals()
        self._serving = 0

    async def hear(self, verdict: Verdict) -> None:
        """Remember how somebody writes, for what is told without being asked. To be waited for before `serve`: within
        it, a first request would be overtaken by those that came after it and have nothing to remember.
        """
        if isinstance(verdict, Command | Chatter | Tap):
            await self._languages.hear(_actor(verdict.sender).id, verdict.sender.hint)

    async def serve(self, verdict: Verdict) -> None:
        """See a request through to its end."""
        match verdict:
            case None:
                return
            case Stranger():
                await self._refuse(verdict)
            case Command():
                await self._command(verdict)
            case Tap():
                await self._tap(verdict)
            case _:
                await self._chatter(verdict)

    async def _command(self, command: Command) -> None:
        sender = command.sender
        chat, locale = await self._chat(sender)
        request = self._request(sender, chat, locale, name=command.name, text=command.text)
        age = self._now() - command.sent_at.timestamp()
        spec = self._router.command(command.name)
        if age > STALE_S and not (spec and spec.reads_only):
            log.warning("/%s of user %s came %.0f s late and is not run", command.name, sender.user_id, age)
            await chat.send(_stale(command.name, age, locale))
        elif self._serving >= MOST_COMMANDS:
            await chat.send(Message(esc(_busy(locale)), silent=False))
        else:
            with self._served():
                await self._router.handle(request)

    async def _chatter(self, chatter: Chatter) -> None:
        sender = chatter.sender
        chat, locale = await self._chat(sender)
        with self._served():
            taken = await self._router.talk(self._request(sender, chat, locale, name="", text=chatter.text))
        if not taken and not sender.in_group:
            await chat.send(Message(esc(locale.gettext("❔ I only understand commands. /help lists them."))))

    async def _tap(self, tap: Tap) -> None:
        sender = tap.sender
        chat, locale = await self._chat(sender)
        if self._serving >= MOST_AT_ONCE:
            await self._answer(tap.query_id, _busy(locale))
            return
        asked = self._request(sender, chat, locale, name="", message_id=tap.message_id)
        notice, request = await self._router.press(tap.button_id, asked)
        in_time = await self._answer(tap.query_id, notice)
        if request is None:
            return
        if not in_time:
            _ = locale.gettext
            await chat.send(Message(esc(_("⌛ Your tap came in too late and was not carried out. Please ask again."))))
            return
        with self._served():
            await self._router.handle(request)

    async def _refuse(self, stranger: Stranger) -> None:
        sender = stranger.sender
        due = self._refusals.due(sender.user_id)
        locale = self._catalogues.locale(await self._languages.of(_actor(sender).id, sender.hint))
        if due:
            log.warning("refused user %d (%r) in chat %d", sender.user_id, sender.name, sender.chat_id)
        if stranger.query_id:
            if self._refusals.tap_due():
                await self._answer(stranger.query_id, _refusal(stranger, locale))
        elif due:
            chat = self._open_chat(sender, _actor(sender).id, locale)
            await chat.send(Message(_refusal(stranger, locale)))

    async def _answer(self, query_id: str, notice: str) -> bool:
        """End the waiting mark on a button, with a notice if there is one; False when Telegram finds the tap too old.

        Telegram puts no time on a tap; that it takes no answer any more is the only sign that it waited long.
        """
        for attempt in (1, 2):
            try:
                async with asyncio.timeout(2 * self._pace.answer):
                    await self._client.bot.answer_callback_query(
                        query_id, text=notice[:NOTICE_LIMIT] or None, show_alert=bool(notice)
                    )
                break
            except BadRequest as error:
                return "too old" not in error.message.lower()
            except (TelegramError, TimeoutError) as error:
                log.debug("a tap was not answered: %s", error)
                if attempt == 2 or fate_of(error) is not Fate.NOT_SENT:
                    break
                await asyncio.sleep(self._pace.first_pause)
        return True

    async def _chat(self, sender: Sender) -> tuple[TelegramChat, Locale]:
        actor = _actor(sender)
        locale = self._catalogues.locale(await self._languages.of(actor.id, sender.hint))
        return self._open_chat(sender, actor.id, locale), locale

    def _request(
        self,
        sender: Sender,
        chat: TelegramChat,
        locale: Locale,
        *,
        name: str,
        text: str = "",
        message_id: int | None = None,
    ) -> Request:
        return Request(
            actor=_actor(sender),
            chat=chat,
            language=locale.language,
            name=name,
            text=text,
            message_id=message_id,
            user_id=sender.user_id,
            chat_id=sender.chat_id,
            topic_id=sender.topic_id,
        )

    @contextmanager
    def _served(self) -> Iterator[None]:
        self._serving += 1
        try:
            yield
        finally:
            self._serving -= 1


def _actor(sender: Sender) -> Actor:
    return Actor(f"telegram:{sender.user_id}", sender.name, Face.TELEGRAM)


def _refusal(stranger: Stranger, locale: Locale) -> str:
    _ = locale.gettext
    if stranger.anonymous:
        return _("⛔ I do not serve anonymous senders. Write under your own name.")
    text = _("⛔ You are not allowed to use this bot. Your id is {id}.")
    return text.format(id=stranger.sender.user_id)


def _stale(name: str, age: float, locale: Locale) -> Message:
    _ = locale.gettext
    first = _("⌛ /{name} came {age} late and was not run.").format(name=name, age=locale.ago(age))
    rest = _("Send it again if you still want it. If you only just sent it, this machine's clock is wrong.")
    return Message(f"{esc(first)}\n{esc(rest)}", silent=False)


def _busy(locale: Locale) -> str:
    _ = locale.gettext
    return _("⏳ Too much is running already. Wait for something to end, or stop it.")
