"""Messages that must reach people: kept here until a chat has them, over any crash and an outage of 30 days.

A row is one message for one chat. What happened and its message are committed in one transaction (`Outbox.put`), and a
row is done only when Telegram has said so. Telegram knows no idempotency key, so a send whose answer was lost, or in
the middle of which we died, may or may not have arrived: it is counted as `unsure` before it is made, and whoever
delivers repeats it once. What waits for longer than 30 days is set aside, like what Telegram refuses: counted, logged,
and looked up in the table for 30 days more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.settings import ChatTarget
from orchestrator.store.database import Database

TERMINAL = ChatTarget(0)  # for whoever watches on a terminal; never waited for
KEPT_S = 7 * 86400  # what was delivered, so that its key holds
WAITS_S = 30 * 86400  # for its chat, which may be one that is not in the settings any more
KEPT_ASIDE_S = 30 * 86400
LOOK_EVERY_S = 1.0  # another process may have put something in

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A row: what happened (`kind`, `payload`), for which chat, put in when. `unsure` counts sends that may have
    arrived; before `next_try`, in seconds of the Unix epoch, it is not to be tried.
    """

    id: int
    kind: str
    payload: Mapping[str, Any]
    target: ChatTarget
    put_at: datetime
    unsure: int
    next_try: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many letters wait for Telegram, since when at most, and how many were set aside in the last 30 days."""

    waiting: int = 0
    since: datetime | None = None
    set_aside: int = 0


class Outbox:
    """The outbox table. What is put in goes to each of `targets`; without any, only to those who watch a terminal."""

    def __init__(self, database: Database, targets: Sequence[ChatTarget] = ()) -> None:
        """Needs a running event loop."""
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self.targets = tuple(targets)

    def put(self, tx: sqlite3.Connection, kind: str, payload: Mapping[str, Any], *, key: str) -> bool:
        """Put a message in as part of the transaction `tx` (see `Database.write`); False when `key` was there before.

        `payload` is a JSON object; `key` names the event, so that one that is seen twice is told once.
        """
        now = time.time()
        _tidy(tx, now)
        text = json.dumps(dict(payload), ensure_ascii=False)
        added = tx.executemany(
            "INSERT OR IGNORE INTO outbox (key, chat, topic, kind, payload, put_at) VALUES (?, ?, ?, ?, ?, ?)",
            [(key, target.chat, target.topic or 0, kind, text, now) for target in self.targets or (TERMINAL,)],
        ).rowcount
        # The database has one worker, so whoever is woken reads after this transaction is committed.
        self._loop.call_soon_threadsafe(self._wake)
        return added > 0

    async def add(self, kind: str, payload: Mapping[str, Any], *, key: str) -> bool:
        """`put` in a transaction of its own."""
        return await self._database.write(lambda tx: self.put(tx, kind, payload, key=key))

    async def arrival(self) -> None:
        """Return when something was put in, after a second at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._arrived.wait()

    async def next(self, target: ChatTarget) -> Letter | None:
        """The oldest letter that waits for a chat."""
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT * FROM outbox WHERE chat = ? AND topic = ? AND done_at IS NULL ORDER BY id LIMIT 1",
                (target.chat, target.topic or 0),
            ).fetchone()
        )
        return None if row is None else _letter(row)

    async def begin(self, letter: Letter) -> int:
        """A send is about to be made; returns how many before it may have arrived."""

        def count(tx: sqlite3.Connection) -> int:
            tx.execute("UPDATE outbox SET attempts = attempts + 1, unsure = unsure + 1 WHERE id = ?", (letter.id,))
            row = tx.execute("SELECT unsure FROM outbox WHERE id = ?", (letter.id,)).fetchone()
            return 0 if row is None else int(row["unsure"]) - 1

        return await self._database.write(count)

    async def not_sent(self, letter: Letter, *, wait: float = 0.0) -> None:
        """The send that was begun certainly did not arrive; not to be tried again for `wait` seconds."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE outbox SET unsure = max(0, unsure - 1), next_try = ? WHERE id = ?",
                (time.time() + wait, letter.id),
            )
        )

    async def sent(self, letter: Letter, message_id: int) -> None:
        """The chat has it, as `message_id`."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE outbox SET done_at = ?, message_id = ?, problem = '' WHERE id = ?",
                (time.time(), message_id, letter.id),
            )
        )

    async def set_aside(self, letter: Letter, problem: str) -> None:
        """It cannot be delivered, for the reason `problem`, and must not hold up the others."""
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE outbox SET done_at = ?, problem = ? WHERE id = ?", (time.time(), problem, letter.id)
            )
        )

    async def newest(self) -> int:
        """The id of the newest letter; 0 when there was none yet."""
        row = await self._database.read(lambda tx: tx.execute("SELECT max(id) AS id FROM outbox").fetchone())
        return int(row["id"] or 0)

    async def since(self, letter_id: int) -> list[Letter]:
        """What was put in after a letter, each message once, whomever it is for; 100 at most."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                "SELECT * FROM outbox WHERE id IN (SELECT min(id) FROM outbox WHERE id > ? GROUP BY key)"
                " ORDER BY id LIMIT 100",
                (letter_id,),
            ).fetchall()
        )
        return [_letter(row) for row in rows]

    async def backlog(self) -> Backlog:
        """What has not been delivered."""
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT count(*) FILTER (WHERE done_at IS NULL) AS waiting,"
                " min(put_at) FILTER (WHERE done_at IS NULL) AS since,"
                " count(*) FILTER (WHERE problem != '') AS set_aside FROM outbox WHERE chat != ?",
                (TERMINAL.chat,),
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


def _letter(row: sqlite3.Row) -> Letter:
    return Letter(
        id=row["id"],
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        target=ChatTarget(row["chat"], row["topic"] or None),
        put_at=datetime.fromtimestamp(row["put_at"], UTC),
        unsure=row["unsure"],
        next_try=row["next_try"],
    )
