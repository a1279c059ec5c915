"""Who may speak to us, and what an update asks for. Judged on the numeric sender of every kind of update; the chat it
came from and names prove nothing.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from telegram import CallbackQuery, Chat, Message, Update, User

from orchestrator.bot.telegram.pace import Allowance, Rate

# An anonymous group administrator, a channel, and Telegram itself write under these shared ids
# (Bot API, Message.from and sender_chat): whoever is behind them cannot be told.
SHARED_IDS: Final = frozenset({1087968824, 136817688, 777000})

COMMAND = re.compile(r"/(?P<name>[A-Za-z0-9_]{1,64})(?:@(?P<bot>[A-Za-z0-9_]+))?(?:\s+(?P<text>.*))?", re.DOTALL)

REFUSED_EVERY_S = 3600.0
REFUSALS = Rate(10, 0.5)  # of all strangers together, so that a crowd of them does not use up our own rate
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Who and where: `hint` is the language tag of the Telegram app, `topic_id` a forum topic."""

    user_id: int
    name: str
    hint: str | None
    chat_id: int
    topic_id: int | None
    in_group: bool


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody allowed typed a command, or pressed a key of the reply keyboard. `text` follows the name, as typed."""

    sender: Sender
    name: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Tap:
    """Somebody allowed tapped a button of our message `message_id`."""

    sender: Sender
    query_id: str
    button_id: str
    message_id: int


@dataclass(frozen=True, slots=True)
class Chatter:
    """Somebody allowed wrote to us, in private or in reply, what is no command."""

    sender: Sender
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who is not allowed asked for something; `query_id` when it was a tap."""

    sender: Sender
    query_id: str | None = None

    @property
    def anonymous(self) -> bool:
        """True when the id is shared by many, so that allowing it would allow them all."""
        return self.sender.user_id in SHARED_IDS


Verdict = Command | Tap | Chatter | Stranger | None


class Gatekeeper:
    """Judges updates. `command_of` gives the command that a key's label stands for."""

    def __init__(self, allowed: frozenset[int], command_of: Callable[[str], str | None]) -> None:
        self._allowed = allowed - SHARED_IDS
        self._command_of = command_of

    def judge(self, update: Update, bot_name: str) -> Verdict:
        """What the update means for us; None when it is to be ignored: edited, forwarded, said through or to other
        bots, group talk, and every kind of update that we did not ask for.
        """
        if update.message:
            return self._judge_message(update.message, bot_name)
        if update.callback_query:
            return self._judge_tap(update.callback_query)
        return None

    def _judge_message(self, message: Message, bot_name: str) -> Verdict:
        user = message.from_user
        if user is None or _second_hand(message) or (user.is_bot and user.id not in SHARED_IDS):
            return None
        sender = _sender(user, message.chat, message.message_thread_id if message.is_topic_message else None)
        text = message.text or ""
        match = COMMAND.fullmatch(text)
        if match and match["bot"] and match["bot"].lower() != bot_name.lower():
            return None
        name = match["name"] if match else self._command_of(text)
        allowed = user.id in self._allowed
        if name is None and (
            (sender.in_group and not (allowed and text and _to_us(message, bot_name))) or (allowed and not text)
        ):
            return None
        if not allowed or message.sender_chat:
            return Stranger(sender)
        if name is None:
            return Chatter(sender, text)
        return Command(sender, name, (match["text"] or "").strip() if match else "", message.date)

    def _judge_tap(self, query: CallbackQuery) -> Verdict:
        if query.message is None or not query.data:
            return None
        message = query.message
        topic = message.message_thread_id if isinstance(message, Message) and message.is_topic_message else None
        sender = _sender(query.from_user, message.chat, topic)
        if query.from_user.id not in self._allowed:
            return Stranger(sender, query.id)
        return Tap(sender, query.id, query.data, message.message_id)


class Refusals:
    """Which stranger is to be told so now: each at most once an hour, all together at a bounded rate."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: OrderedDict[int, float] = OrderedDict()
        self._allowance = Allowance(REFUSALS, monotonic)
        self._taps = Allowance(REFUSALS, monotonic)

    def tap_due(self) -> bool:
        """True when a stranger's tap should be answered: it waits visibly, but only for a while."""
        return self._taps.take()

    def due(self, user_id: int) -> bool:
        """True when this stranger should be answered (and logged); counts as done."""
        now = self._monotonic()
        if now - self._told.get(user_id, -REFUSED_EVERY_S) < REFUSED_EVERY_S or not self._allowance.take():
            return False
        self._told[user_id] = now
        self._told.move_to_end(user_id)
        while len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)
        return True


def _to_us(message: Message, bot_name: str) -> bool:
    """True for a reply to a message of ours."""
    answered = message.reply_to_message
    author = answered.from_user if answered else None
    return bool(author and author.is_bot and (author.username or "").lower() == bot_name.lower())


def _second_hand(message: Message) -> bool:
    """True for words that the sender may have passed on without writing them."""
    return bool(message.forward_origin or message.via_bot or message.is_automatic_forward)


def _sender(user: User, chat: Chat, topic_id: int | None) -> Sender:
    return Sender(
        user_id=user.id,
        name=user.full_name[:64],
        hint=user.language_code,
        chat_id=chat.id,
        topic_id=topic_id,
        in_group=chat.type != Chat.PRIVATE,
    )
