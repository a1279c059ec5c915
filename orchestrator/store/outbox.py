"""Messages that must reach people: kept here until a chat has them, over any crash and an outage of 30 days.

A row is one message for one chat. What happened and its message are committed in one transaction (`Outbox.put`), and a
row is done only when Telegram has said so. Telegram knows no idempotency key, so a send whose answer was lost, or in
the middle of which we died, may or may not have arrived: it is counted as `unsure` before it is made, and whoever
delivers repeats it once. What waits for longer than 30 days is set aside, like what Telegram refuses: counted, logged,
and looked up in the table for 30 days more.

Letters of one `thread` are one message in each chat, in its newest state: the first that is sent makes the message, the
later ones edit it, and those that were overtaken before they were sent are folded into the newest. A `reply` answers
the message of its thread. Texts go before replies, the more urgent before the less, the older before the newer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from orchestrator.settings import ChatTarget
from orchestrator.store.database import Database

TERMINAL = ChatTarget(0)  # for whoever watches on a terminal; never waited for
KEPT_S = 7 * 86400  # what was delivered, so that its key holds
WAITS_S = 30 * 86400  # for its chat, which may be one that is not in the settings any more
KEPT_ASIDE_S = 30 * 86400
KEPT_THREAD_S = 60 * 86400  # since it was last shown: an alert may fire for long
LOOK_EVERY_S = 1.0  # another process may have put something in
MOST_AT_ONCE = 2000  # letters that become one message

_WAITING = """
    SELECT outbox.*, threads.message_id AS shown,
        (SELECT max(next_try) FROM outbox AS o WHERE o.chat = :chat AND o.topic = :topic AND o.done_at IS NULL) AS rest
    FROM outbox LEFT JOIN threads USING (chat, topic, thread)
    WHERE chat = :chat AND topic = :topic AND done_at IS NULL
"""
_OF_THREAD = """
    SELECT id, put_at, unsure, next_try FROM outbox
    WHERE chat = :chat AND topic = :topic AND thread = :thread AND reply = 0 AND done_at IS NULL ORDER BY id
"""

log = logging.getLogger(__name__)


class Priority(IntEnum):
    """Which letter goes first when several wait for a chat."""

    CRITICAL = 0
    WARNING = 1
    INFO = 2
    RESOLVED = 3


@dataclass(frozen=True, slots=True)
class Letter:
    """A row: what happened (`kind`, `payload`), for which chat, put in when. `unsure` counts sends that may have
    arrived; before `next_try`, in seconds of the Unix epoch, nothing is to be sent to its chat. `shown` is the message
    of its thread in that chat, None before there is one.
    """

    id: int
    kind: str
    payload: Mapping[str, Any]
    target: ChatTarget
    put_at: datetime
    unsure: int
    next_try: float
    thread: str = ""
    reply: bool = False
    priority: Priority = Priority.WARNING
    shown: int | None = None

    @property
    def edits(self) -> bool:
        """True when it changes a message that is there, so that sending it twice does no harm."""
        return self.shown is not None and not self.reply


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many letters wait for Telegram, since when at most, and how many were set aside in the last 30 days."""

    waiting: int = 0
    since: datetime | None = None
    set_aside: int = 0


class Outbox:
    """The outbox table. What is put in goes to each of `targets`; without any, only to those who watch a terminal."""

    def __init__(
        self, database: Database, targets: Sequence[ChatTarget] = (), administrators: Iterable[ChatTarget] = ()
    ) -> None:
        """`responsible` are those and the `administrators`: who hears of what cannot be delivered.

        Needs a running event loop.
        """
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self.targets = tuple(targets)
        self.responsible = tuple(dict.fromkeys((*targets, *administrators)))

    def put(
        self,
        tx: sqlite3.Connection,
        kind: str,
        payload: Mapping[str, Any],
        *,
        key: str,
        thread: str = "",
        reply: bool = False,
        priority: Priority = Priority.WARNING,
        targets: Sequence[ChatTarget] | None = None,
    ) -> bool:
        """Put a message in as part of the transaction `tx` (see `Database.write`); False when `key` was there before.

        `payload` is a JSON object; `key` names the event, so that one that is seen twice is told once. `payload` of a
        thread says all that its message is to show: letters before it may never have been sent. `targets` are the
        chats to tell, None for the usual ones; where there is no Telegram, they are all the terminal.
        """
        now = time.time()
        _tidy(tx, now)
        text = json.dumps(dict(payload), ensure_ascii=False)
        chats = (self.targets if targets is None else targets) if self.targets else (TERMINAL,)
        added = tx.executemany(
            "INSERT OR IGNORE INTO outbox (key, chat, topic, kind, payload, put_at, thread, reply, priority)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (key, target.chat, target.topic or 0, kind, text, now, thread, reply, priority)
                for target in dict.fromkeys(chats)
            ],
        ).rowcount
        # The database has one worker, so whoever is woken reads after this transaction is committed.
        self._loop.call_soon_threadsafe(self._wake)
        return added > 0

    async def add(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        key: str,
        thread: str = "",
        reply: bool = False,
        priority: Priority = Priority.WARNING,
        targets: Sequence[ChatTarget] | None = None,
    ) -> bool:
        """`put` in a transaction of its own."""
        return await self._database.write(
            lambda tx: self.put(
                tx, kind, payload, key=key, thread=thread, reply=reply, priority=priority, targets=targets
            )
        )

    async def arrival(self) -> None:
        """Return when something was put in, after a second at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._arrived.wait()

    async def next(self, target: ChatTarget) -> Letter | None:
        """The letter that is to be sent to a chat now: of its thread the newest, the others being folded into it."""
        place = _place(target)
        while True:
            row = await self._database.read(
                lambda tx: tx.execute(f"{_WAITING} ORDER BY reply, priority, id LIMIT 1", place).fetchone()
            )
            if row is None:
                return None
            letter = _letter(row)
            if not letter.thread or letter.reply or not await self._fold(letter):
                return letter

    async def crowd(self, target: ChatTarget, kind: str) -> list[Letter]:
        """All that wait for a chat to begin threads of one kind there; more than one of a thread is possible."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                f"{_WAITING} AND kind = :kind AND thread != '' AND reply = 0 AND threads.message_id IS NULL"
                f" ORDER BY priority, id LIMIT {MOST_AT_ONCE}",
                {**_place(target), "kind": kind},
            ).fetchall()
        )
        return [_letter(row) for row in rows]

    async def _fold(self, letter: Letter) -> bool:
        """Fold what waits in a thread into the newest of it, which may be `letter`; False when it is alone.

        The newest then counts as old, and as doubtful, as what it stands for.
        """
        place = {**_place(letter.target), "thread": letter.thread}

        def fold(tx: sqlite3.Connection) -> None:
            rows = tx.execute(_OF_THREAD, place).fetchall()
            older, newest = [row["id"] for row in rows[:-1]], rows[-1]["id"]
            tx.execute(
                "UPDATE outbox SET done_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (time.time(), json.dumps(older)),
            )
            tx.execute(
                "UPDATE outbox SET put_at = ?, unsure = max(unsure, ?), next_try = ? WHERE id = ?",
                (
                    min(row["put_at"] for row in rows),
                    min(1, max(row["unsure"] for row in rows)),  # it has news, so it may be sent once more
                    max(row["next_try"] for row in rows),
                    newest,
                ),
            )

        if len(await self._database.read(lambda tx: tx.execute(_OF_THREAD, place).fetchall())) < 2:
            return False
        await self._database.write(fold)
        return True

    async def begin(self, *letters: Letter) -> int:
        """A send of these is about to be made; returns how many before it may have arrived."""

        def count(tx: sqlite3.Connection) -> int:
            tx.execute(
                "UPDATE outbox SET attempts = attempts + 1, unsure = unsure + 1"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (_ids(letters),),
            )
            row = tx.execute(
                "SELECT max(unsure) AS unsure FROM outbox WHERE id IN (SELECT value FROM json_each(?))",
                (_ids(letters),),
            ).fetchone()
            return 0 if row["unsure"] is None else int(row["unsure"]) - 1

        return await self._database.write(count)

    async def not_sent(self, *letters: Letter, wait: float = 0.0) -> None:
        """The send that was begun certainly did not arrive; not to be tried again for `wait` seconds."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE outbox SET unsure = max(0, unsure - 1), next_try = ?"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (time.time() + wait, _ids(letters)),
            )
        )

    async def sent(self, *letters: Letter, message_id: int) -> None:
        """The chat has them, as `message_id`, which is the message of the thread if they are one letter of one."""

        def note(tx: sqlite3.Connection) -> None:
            now = time.time()
            tx.execute(
                "UPDATE outbox SET done_at = ?, message_id = ?, problem = ''"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (now, message_id, _ids(letters)),
            )
            letter = letters[0]
            if len(letters) == 1 and letter.thread and not letter.reply:
                tx.execute(
                    "INSERT INTO threads VALUES (:chat, :topic, :thread, :message_id, :now)"
                    " ON CONFLICT DO UPDATE SET message_id = :message_id, at = :now",
                    {**_place(letter.target), "thread": letter.thread, "message_id": message_id, "now": now},
                )

        await self._database.write(note)

    async def skip(self, *letters: Letter) -> None:
        """There is nothing to show of them."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE outbox SET done_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (time.time(), _ids(letters)),
            )
        )

    async def set_aside(self, *letters: Letter, problem: str) -> None:
        """They cannot be delivered, for the reason `problem`, and must not hold up the others."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE outbox SET done_at = ?, problem = ? WHERE id IN (SELECT value FROM json_each(?))",
                (time.time(), problem, _ids(letters)),
            )
        )

    async def problems(self, target: ChatTarget, since: float) -> tuple[str, ...]:
        """Why letters for a chat that were done after a Unix time were set aside, the newest first and two at most,
        replies left out; empty texts are letters that arrived.
        """
        rows = await self._database.read(
            lambda tx: tx.execute(
                "SELECT problem FROM outbox WHERE chat = :chat AND topic = :topic AND done_at > :since AND NOT reply"
                " AND (message_id IS NOT NULL OR problem != '') ORDER BY id DESC LIMIT 2",
                {**_place(target), "since": since},
            ).fetchall()
        )
        return tuple(row["problem"] for row in rows)

    async def message(self, target: ChatTarget, thread: str) -> int | None:
        """The message of a thread in a chat, which its letters edit; None when there is none."""
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT message_id FROM threads WHERE chat = :chat AND topic = :topic AND thread = :thread",
                {**_place(target), "thread": thread},
            ).fetchone()
        )
        return int(row["message_id"]) if row else None

    async def lately(self, chat: int, seconds: float) -> int:
        """How many messages and edits a chat has taken in the last seconds."""
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT count(DISTINCT done_at) AS n FROM outbox"
                " WHERE chat = ? AND done_at > ? AND message_id IS NOT NULL",
                (chat, time.time() - seconds),
            ).fetchone()
        )
        return int(row["n"])

    async def newest(self, before: float = math.inf) -> int:
        """The id of the newest letter, or of those that were put in before a Unix time; 0 when there was none."""
        row = await self._database.read(
            lambda tx: tx.execute("SELECT max(id) AS id FROM outbox WHERE put_at < ?", (before,)).fetchone()
        )
        return int(row["id"] or 0)

    async def since(self, letter_id: int) -> list[Letter]:
        """What was put in after a letter, each message once, whomever it is for; 100 at most."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                "SELECT *, NULL AS shown, next_try AS rest FROM outbox"
                " WHERE id IN (SELECT min(id) FROM outbox WHERE id > ? GROUP BY key) ORDER BY id LIMIT 100",
                (letter_id,),
            ).fetchall()
        )
        return [_letter(row) for row in rows]

    async def backlog(self, served: Iterable[ChatTarget] | None = None) -> Backlog:
        """What has not been delivered; of what waits only what is for the chats `served`, if they are given: nothing
        goes to a chat that nobody names any more, however well Telegram answers.
        """
        chats = None if served is None else json.dumps([f"{each.chat}:{each.topic or 0}" for each in served])
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT count(*) FILTER (WHERE waits) AS waiting, min(put_at) FILTER (WHERE waits) AS since,"
                " count(*) FILTER (WHERE problem != '') AS set_aside FROM (SELECT *, done_at IS NULL AND"
                " (:chats IS NULL OR chat || ':' || topic IN (SELECT value FROM json_each(:chats))) AS waits"
                " FROM outbox WHERE chat != :terminal)",
                {"chats": chats, "terminal": TERMINAL.chat},
            ).fetchone()
        )
        since = None if row["since"] is None else datetime.fromtimestamp(row["since"], UTC)
        return Backlog(row["waiting"], since, row["set_aside"])

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = asyncio.Event()


def _tidy(tx: sqlite3.Connection, now: float) -> None:
    """Set aside what has waited for too long, and forget what is done with."""
    given_up = tx.execute(
        "UPDATE outbox SET done_at = ?, problem = 'not delivered within 30 days'"
        " WHERE put_at < ? AND done_at IS NULL AND chat != ?",
        (now, now - WAITS_S, TERMINAL.chat),
    ).rowcount
    if given_up:
        log.error("outbox: given up after 30 days in which Telegram did not take them: %d messages", given_up)
    tx.execute(
        "DELETE FROM outbox WHERE (put_at < ? AND (message_id IS NOT NULL OR chat = ?)) OR done_at < ?",
        (now - KEPT_S, TERMINAL.chat, now - KEPT_ASIDE_S),
    )
    tx.execute("DELETE FROM threads WHERE at < ?", (now - KEPT_THREAD_S,))


def _place(target: ChatTarget) -> dict[str, Any]:
    return {"chat": target.chat, "topic": target.topic or 0}


def _ids(letters: Iterable[Letter]) -> str:
    return json.dumps([letter.id for letter in letters])


def _letter(row: sqlite3.Row) -> Letter:
    return Letter(
        id=row["id"],
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        target=ChatTarget(row["chat"], row["topic"] or None),
        put_at=datetime.fromtimestamp(row["put_at"], UTC),
        unsure=row["unsure"],
        next_try=row["rest"],
        thread=row["thread"],
        reply=bool(row["reply"]),
        priority=Priority(row["priority"]),
        shown=row["shown"],
    )
