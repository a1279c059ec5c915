"""Empties the outbox into Telegram: every letter reaches its chat, in order, or is set aside and told.

Pace, refusals and outages are the `Deliverer`'s; what must not be lost over a crash is this module's. A send is counted
before it is made (`Outbox.begin`), so after a lost answer or a kill -9 the letter is sent a second time, marked, and
never a third; an alert, which must not be lost, up to three times more. An edit may be made any number of times, so it
is not counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from telegram.error import TelegramError

from orchestrator.bot.language import Catalogues, Languages, Locale
from orchestrator.bot.letters import Letters, marked
from orchestrator.bot.message import Message
from orchestrator.bot.telegram.chat import TelegramChat
from orchestrator.bot.telegram.client import Fate, brief, fate_of, seconds_asked
from orchestrator.bot.telegram.deliver import Deliverer
from orchestrator.bot.telegram.pace import Pace
from orchestrator.errors import StoreError
from orchestrator.settings import ChatTarget
from orchestrator.store import Letter, Outbox

log = logging.getLogger(__name__)

MOST_UNSURE = 2  # sends of one letter that may have arrived
MOST_UNSURE_ALERTS = 4  # of one that begins a thread: an alert may rather be told again than never
LATELY_S = 60.0  # a group takes so many messages a minute
LONGEST_WAIT_S = 3600.0  # for a 429, should the clock have been turned back since
SET_ASIDE = "outbox.set_aside"
_UNANSWERED, _UNREADABLE = "no answer to", "it cannot be made into a message"

OpenChat = Callable[[ChatTarget], TelegramChat]


@dataclass(frozen=True, slots=True)
class _Parcel:
    """Letters that go out as one message: one, or the many of a digest."""

    letters: tuple[Letter, ...]
    message: Message
    locale: Locale

    @property
    def first(self) -> Letter:
        return self.letters[0]

    @property
    def unsure(self) -> int:
        return max(letter.unsure for letter in self.letters)


@dataclass
class _Sending:
    """What became of the attempts of one parcel: the message it is now, whether that is noted; or why it cannot be."""

    message_id: int | None = None
    noted: bool = False
    refusal: str = ""


class Notifier:
    """Delivers what is in the outbox for those of `targets`, which may change. `open_chat` makes the chat of one."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        targets: Callable[[], Iterable[ChatTarget]],
        letters: Letters,
        deliverer: Deliverer,
        open_chat: OpenChat,
        languages: Languages,
        catalogues: Catalogues,
        pace: Pace,
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._letters = letters
        self._deliverer = deliverer
        self._open_chat = open_chat
        self._languages = languages
        self._catalogues = catalogues
        self._pace = pace
        self._serving: dict[ChatTarget, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver until cancelled; a send under way is then still seen through by the deliverer, within its bound."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    wanted = frozenset(self._targets())
                    for target in wanted - self._serving.keys():
                        self._serving[target] = group.create_task(self._serve(target))
                    for target in self._serving.keys() - wanted:
                        self._serving.pop(target).cancel()
                    await self._outbox.arrival()
        finally:
            self._serving.clear()

    async def _serve(self, target: ChatTarget) -> None:
        """One chat's letters, strictly one message after the other."""
        chat, failures, counted = self._open_chat(target), 0, False
        while True:
            try:
                if not counted:  # what was sent before a restart: the chat has the same limits as before it
                    self._deliverer.made(target.chat, await self._outbox.lately(target.chat, LATELY_S))
                    counted = True
                done = await self._turn(target, chat)
            except StoreError as error:
                log.error("chat %s: the outbox cannot be used: %s", target.chat, error)
                done = False
            failures = 0 if done else failures + 1
            if failures:
                await asyncio.sleep(self._pace.pause(failures))

    async def _turn(self, target: ChatTarget, chat: TelegramChat) -> bool:
        """Bring one message to a chat, or wait for one; False when it did not get there and will be tried again."""
        letter = await self._outbox.next(target)
        if letter is None:
            await self._outbox.arrival()
            return True
        if _exhausted(letter):
            sends = "two" if letter.unsure == MOST_UNSURE else str(letter.unsure)
            why = f"{_UNANSWERED} {sends} sends"
            await self._set_aside((letter,), f"{why}; it may have arrived")
            return True
        locale = self._catalogues.locale(await self._languages.of(f"telegram:{target.chat}", None))
        parcel = await self._pack(letter, locale)
        return parcel is None or await self._deliver(parcel, chat)

    async def _pack(self, letter: Letter, locale: Locale) -> _Parcel | None:
        """What to send now that a letter has its turn; None when nothing of it is to be shown."""
        if digest := await self._digest(letter, locale):
            return digest
        if letter.reply and letter.shown is None:  # what it would have answered is not there
            await self._outbox.skip(letter)
            return None
        try:
            message = await self._letters.compose(letter, locale)
        except Exception as error:  # a letter that cannot be read must not hold up those behind it
            log.exception("outbox no. %d (%s) cannot be made into a message", letter.id, letter.kind)
            await self._set_aside((letter,), f"{_UNREADABLE} ({type(error).__name__})")
            return None
        if message is None:
            await self._outbox.skip(letter)
            return None
        return _Parcel((letter,), message, locale)

    async def _digest(self, letter: Letter, locale: Locale) -> _Parcel | None:
        """One message of all that waits, when that is too much to be told one by one."""
        if not letter.thread or letter.reply or letter.shown is not None:
            return None
        crowd = [each for each in await self._outbox.crowd(letter.target, letter.kind) if not _exhausted(each)]
        try:
            message = self._letters.digest(crowd, locale)
        except Exception:
            log.exception("chat %s: %d messages cannot be made into one", letter.target.chat, len(crowd))
            return None
        return _Parcel(tuple(crowd), message, locale) if message else None

    async def _deliver(self, parcel: _Parcel, chat: TelegramChat) -> bool:
        """True when these letters hold up the next one no longer."""
        letter, sending = parcel.first, _Sending()
        await asyncio.sleep(min(LONGEST_WAIT_S, max(0.0, letter.next_try - time.time())))
        await self._deliverer.post(
            letter.target.chat,
            lambda: self._send(parcel, chat, sending),
            size=sum(len(file.content) for file in (parcel.message.picture, parcel.message.document) if file),
            doubtful=parcel.unsure > 0 and not letter.edits,
        )
        if sending.refusal:
            await self._tell_usual(parcel.letters)
            await self._set_aside(parcel.letters, sending.refusal)
            return True
        if sending.message_id is not None and not sending.noted:
            await self._note(parcel, sending.message_id)
        return sending.message_id is not None

    async def _send(self, parcel: _Parcel, chat: TelegramChat, sending: _Sending) -> int:
        """One attempt; raises what Telegram's refusal or silence raises."""
        letter = parcel.first
        if letter.target not in self._serving:
            return 0  # we are stopping, or nobody there is to be told any more: it stays in the outbox
        try:
            message_id = await self._put_up(parcel, chat)
        except TelegramError as error:
            fate = fate_of(error)
            if fate is Fate.REFUSED:
                sending.refusal = brief(error)
            if fate is not Fate.UNKNOWN:
                with suppress(StoreError):
                    await self._outbox.not_sent(*parcel.letters, wait=seconds_asked(error))
            raise
        sending.message_id = message_id
        with suppress(StoreError):  # then it is tried again outside, without the time limit of a send
            await self._outbox.sent(*parcel.letters, message_id=message_id)
            sending.noted = True
        return message_id

    async def _put_up(self, parcel: _Parcel, chat: TelegramChat) -> int:
        """Edit the message of the thread; where there is none any more, send a new one."""
        letter, message = parcel.first, parcel.message
        if letter.edits and letter.shown is not None and await chat.revise(letter.shown, message):
            return letter.shown
        repeated = await self._begin(parcel) > 0
        message = marked(message, letter, parcel.locale, repeated=repeated)
        return await chat.deliver(message, reply_to=letter.shown if letter.reply else None)

    async def _begin(self, parcel: _Parcel) -> int:
        try:
            return await self._outbox.begin(*parcel.letters)
        except StoreError as error:  # a full disk, say: twice told is better than not told
            log.error("outbox no. %d is sent without a note of it: %s", parcel.first.id, error)
            return parcel.unsure

    async def _note(self, parcel: _Parcel, message_id: int) -> None:
        """Write down that it arrived, however long that takes: else it would be sent again."""
        failures = 0
        while True:
            try:
                await self._outbox.sent(*parcel.letters, message_id=message_id)
                return
            except StoreError as error:
                failures += 1
                if failures == 1:
                    log.error("outbox no. %d was delivered, which cannot be written down: %s", parcel.first.id, error)
                await asyncio.sleep(self._pace.pause(failures))

    async def _tell_usual(self, letters: tuple[Letter, ...]) -> None:
        """What a chat of its own refuses is for the usual ones: a wrong id in the inventory swallows no alert."""
        for each in letters:
            if each.thread and not each.reply and each.target not in self._outbox.targets:
                key = f"{each.thread} refused {each.id}"
                await self._outbox.add(each.kind, each.payload, key=key, thread=each.thread, priority=each.priority)

    async def _set_aside(self, letters: tuple[Letter, ...], why: str) -> None:
        letter = letters[0]
        log.error("chat %s: outbox no. %d (%s) is set aside: %s", letter.target.chat, letter.id, letter.kind, why)
        await self._outbox.set_aside(*letters, problem=why)
        if letter.kind == SET_ASIDE:
            return
        # Once a day for each chat and reason: a chat that refuses everything would fill the others with news of it.
        key = f"{SET_ASIDE} {letter.target.chat} {why} {time.time() // 86400:.0f}"
        told = {"chat": letter.target.chat, "why": why}
        await self._outbox.add(SET_ASIDE, told, key=key, targets=self._outbox.responsible)


def is_refusal(problem: str) -> bool:
    """Whether a letter was set aside for that Telegram did not take it."""
    return bool(problem) and not problem.startswith((_UNANSWERED, _UNREADABLE))


def _exhausted(letter: Letter) -> bool:
    """True when it may have arrived so often that it is not to be sent again."""
    most = MOST_UNSURE_ALERTS if letter.thread and not letter.reply else MOST_UNSURE
    return letter.unsure >= most and not letter.edits
