"""Empties the outbox into Telegram: every letter reaches its chat, in order, or is set aside and told.

Pace, refusals and outages are the `Deliverer`'s; what must not be lost over a crash is this module's. A send is counted
before it is made (`Outbox.begin`), so after a lost answer or a kill -9 the letter is sent a second time, marked, and
never a third.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from telegram.error import TelegramError

from orchestrator.bot.language import Catalogues, Languages
from orchestrator.bot.render.notices import notice
from orchestrator.bot.telegram.chat import TelegramChat
from orchestrator.bot.telegram.client import Fate, brief, fate_of, seconds_asked
from orchestrator.bot.telegram.deliver import Deliverer
from orchestrator.bot.telegram.pace import Pace
from orchestrator.errors import StoreError
from orchestrator.settings import ChatTarget
from orchestrator.store import Letter, Outbox

log = logging.getLogger(__name__)

MOST_UNSURE = 2  # sends of one letter that may have arrived
LONGEST_WAIT_S = 3600.0  # for a 429, should the clock have been turned back since
SET_ASIDE = "outbox.set_aside"

OpenChat = Callable[[ChatTarget], TelegramChat]


@dataclass
class _Sending:
    """What became of the attempts of one letter: the message it is now, whether that is noted; or why it cannot be."""

    message_id: int | None = None
    noted: bool = False
    refusal: str = ""


class Notifier:
    """Delivers what is in the outbox. `open_chat` makes the chat of a target, in the language of its reader."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        deliverer: Deliverer,
        open_chat: OpenChat,
        languages: Languages,
        catalogues: Catalogues,
        pace: Pace,
    ) -> None:
        self._outbox = outbox
        self._deliverer = deliverer
        self._open_chat = open_chat
        self._languages = languages
        self._catalogues = catalogues
        self._pace = pace
        self._stopping = False

    async def run(self) -> None:
        """Deliver until cancelled; a send under way is then still seen through by the deliverer, within its bound."""
        self._stopping = False
        try:
            async with asyncio.TaskGroup() as group:
                for target in self._outbox.targets:
                    group.create_task(self._serve(target))
                await asyncio.Event().wait()
        finally:
            self._stopping = True

    async def _serve(self, target: ChatTarget) -> None:
        """One chat's letters, strictly one after the other."""
        chat, failures = self._open_chat(target), 0
        while True:
            try:
                letter = await self._outbox.next(target)
                if letter is None:
                    await self._outbox.arrival()
                    continue
                done = await self._deliver(letter, chat)
            except StoreError as error:
                log.error("chat %s: the outbox cannot be used: %s", target.chat, error)
                done = False
            failures = 0 if done else failures + 1
            if failures:
                await asyncio.sleep(self._pace.pause(failures))

    async def _deliver(self, letter: Letter, chat: TelegramChat) -> bool:
        """True when this letter holds up the next one no longer."""
        await asyncio.sleep(min(LONGEST_WAIT_S, max(0.0, letter.next_try - time.time())))
        sending = _Sending()
        if letter.unsure < MOST_UNSURE:
            await self._deliverer.post(
                letter.target.chat, lambda: self._send(letter, chat, sending), doubtful=letter.unsure > 0
            )
        if sending.refusal:
            await self._set_aside(letter, sending.refusal)
            return True
        if letter.unsure >= MOST_UNSURE:
            await self._set_aside(letter, "no answer to two sends; it may have arrived")
            return True
        if sending.message_id is not None and not sending.noted:
            await self._note(letter, sending.message_id)
        return sending.message_id is not None

    async def _send(self, letter: Letter, chat: TelegramChat, sending: _Sending) -> int:
        """One attempt; raises what Telegram's refusal or silence raises."""
        if self._stopping:
            return 0  # it stays in the outbox
        unsure = await self._begin(letter)
        locale = self._catalogues.locale(await self._languages.of(f"telegram:{letter.target.chat}", None))
        try:
            message = notice(letter, locale, repeated=unsure > 0)
        except Exception as error:  # a letter that cannot be read must not hold up those behind it
            log.exception("outbox no. %d (%s) cannot be made into a message", letter.id, letter.kind)
            sending.refusal = f"it cannot be made into a message ({type(error).__name__})"
            return 0
        try:
            message_id = await chat.deliver(message)
        except TelegramError as error:
            fate = fate_of(error)
            if fate is Fate.REFUSED:
                sending.refusal = brief(error)
            if fate is not Fate.UNKNOWN:
                with suppress(StoreError):
                    await self._outbox.not_sent(letter, wait=seconds_asked(error))
            raise
        sending.message_id = message_id
        with suppress(StoreError):  # then it is tried again outside, without the time limit of a send
            await self._outbox.sent(letter, message_id)
            sending.noted = True
        return message_id

    async def _begin(self, letter: Letter) -> int:
        try:
            return await self._outbox.begin(letter)
        except StoreError as error:  # a full disk, say: twice told is better than not told
            log.error("outbox no. %d is sent without a note of it: %s", letter.id, error)
            return letter.unsure

    async def _note(self, letter: Letter, message_id: int) -> None:
        """Write down that it arrived, however long that takes: else it would be sent again."""
        failures = 0
        while True:
            try:
                await self._outbox.sent(letter, message_id)
                return
            except StoreError as error:
                failures += 1
                if failures == 1:
                    log.error("outbox no. %d was delivered, which cannot be written down: %s", letter.id, error)
                await asyncio.sleep(self._pace.pause(failures))

    async def _set_aside(self, letter: Letter, why: str) -> None:
        log.error("chat %s: outbox no. %d (%s) is set aside: %s", letter.target.chat, letter.id, letter.kind, why)
        await self._outbox.set_aside(letter, why)
        if letter.kind == SET_ASIDE:
            return
        # Once a day for each chat and reason: a chat that refuses everything would fill the others with news of it.
        key = f"{SET_ASIDE} {letter.target.chat} {why} {time.time() // 86400:.0f}"
        await self._outbox.add(SET_ASIDE, {"chat": letter.target.chat, "why": why}, key=key)
