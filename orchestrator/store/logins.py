"""What the hosts' logs said of logins, and how far each log was read: put down together or not at all."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.store.database import Database, Transaction

KEPT_S = 90 * 86400.0
MOST = 500_000
MOST_NOISE = 200_000
"""Rows of failures: who floods a host with them must not push out who came in."""
_TIDY_EVERY = 2_000
_AT_ONCE = 5_000
"""Rows that go after every 2,000 events or transactions that came: faster than any host can send."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind what was read of a host's log: the `source`, the `position` there as hostctl says it, and when it was."""

    source: str
    position: str
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """An event to put down. `position` names it within its host and source; `event` is a JSON object.

    Of what is `noise` (failures), only so many are kept.
    """

    position: str
    time: float
    kind: str
    user: str
    address: str
    count: int
    noise: bool
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it was put down: `seq` grows, and `id` is the same whenever the same line is read."""

    seq: int
    id: str
    host: str
    time: float
    kind: str
    user: str
    address: str
    count: int
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LostTime:
    """What a host's log held between `since` and `until` (seconds since the epoch) may never have been read."""

    host: str
    source: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Query:
    """Which events: all that fit every field that is given, behind the one with the seq `after`.

    `limit` is how many of them at most: the newest, or the `oldest`.
    """

    hosts: Sequence[str] | None = None
    since: float | None = None
    user: str = ""
    address: str = ""
    kinds: Sequence[str] = ()
    after: int = 0
    limit: int = 100
    oldest: bool = False


Told = Callable[[Transaction, str, Sequence[StoredEvent]], None]
"""Called within the transaction that puts events of a host down, with those that are new."""

Lost = Callable[[Transaction, LostTime], None]
"""Called within the transaction that puts down that something may be lost."""


class LoginLog:
    """The tables of logins."""

    def __init__(self, database: Database, told: Told | None = None, lost: Lost | None = None) -> None:
        self._database = database
        self._told = told
        self._lost = lost
        self._untidy = _TIDY_EVERY

    async def cursor(self, host: str) -> Cursor | None:
        """How far the log of `host` was read; None before the first time."""
        row = await self._database.read(
            lambda tx: tx.execute("SELECT * FROM login_cursors WHERE host = ?", (host,)).fetchone()
        )
        return None if row is None else Cursor(row["source"], row["position"], row["at"])

    async def put(self, host: str, events: Sequence[Seen], cursor: Cursor, gaps: Sequence[float] = ()) -> int:
        """Put down, in one transaction: `events`, how far the log was read, what is lost since `gaps`, and whatever
        `told` adds. Returns how many of the events were new."""
        return await self._database.write(lambda tx: len(self._put(tx, host, events, cursor, gaps)))

    def _put(
        self, tx: sqlite3.Connection, host: str, events: Sequence[Seen], cursor: Cursor, gaps: Sequence[float]
    ) -> list[StoredEvent]:
        stored = [new for event in events if (new := _insert(tx, host, cursor.source, event))]
        tx.execute(
            "INSERT INTO login_cursors VALUES (?, ?, ?, ?) ON CONFLICT (host) DO UPDATE SET"
            " source = excluded.source, position = excluded.position, at = excluded.at",
            (host, cursor.source, cursor.position, cursor.at),
        )
        for since in gaps:
            gap = (host, cursor.source, since, cursor.at)
            is_new = tx.execute("INSERT OR IGNORE INTO login_gaps VALUES (?, ?, ?, ?)", gap).rowcount > 0
            if is_new and self._lost is not None:
                self._lost(tx, LostTime(*gap))
        if stored and self._told is not None:
            self._told(tx, host, stored)
        self._untidy += 1 + len(stored)
        if self._untidy >= _TIDY_EVERY:
            self._untidy = 0
            _tidy(tx, time.time())
        return stored

    async def find(self, query: Query) -> list[StoredEvent]:
        """What fits `query`, oldest first."""
        where, values = _where(query)
        order = "ASC" if query.oldest else "DESC"
        rows = await self._database.read(
            lambda tx: tx.execute(
                f"SELECT * FROM logins WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608  words of ours only
                (*values, query.limit),
            ).fetchall()
        )
        return sorted(map(_stored, rows), key=lambda event: event.seq)

    async def newest(self) -> int:
        """The `seq` of the newest event; 0 when there was none yet."""
        row = await self._database.read(lambda tx: tx.execute("SELECT max(seq) AS seq FROM logins").fetchone())
        return int(row["seq"] or 0)

    async def gaps(self, since: float) -> list[LostTime]:
        """What may be lost since then, oldest first."""
        rows = await self._database.read(
            lambda tx: tx.execute("SELECT * FROM login_gaps WHERE until >= ? ORDER BY until", (since,)).fetchall()
        )
        return [LostTime(row["host"], row["source"], row["since"], row["until"]) for row in rows]


def _insert(tx: sqlite3.Connection, host: str, source: str, event: Seen) -> StoredEvent | None:
    """Put one down; None if it was there."""
    name = f"{host}\0{source}\0{event.position}".encode()
    identity = hashlib.blake2b(name, digest_size=16).hexdigest()
    done = tx.execute(
        "INSERT OR IGNORE INTO logins (id, host, time, kind, user, address, count, noise, event)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            identity,
            host,
            event.time,
            event.kind,
            event.user,
            event.address,
            event.count,
            event.noise,
            json.dumps(event.event, ensure_ascii=False),
        ),
    )
    if not done.rowcount:
        return None
    assert done.lastrowid is not None
    return StoredEvent(
        done.lastrowid, identity, host, event.time, event.kind, event.user, event.address, event.count, event.event
    )


def _where(query: Query) -> tuple[str, list[Any]]:
    parts: list[str] = ["seq > ?"]
    values: list[Any] = [query.after]
    if query.hosts is not None:
        parts.append("host IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(query.hosts)))
    if query.kinds:
        parts.append("kind IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(query.kinds)))
    for name, value in (("user", query.user), ("address", query.address)):
        if value:
            parts.append(f"{name} = ?")
            values.append(value)
    if query.since is not None:
        parts.append("time >= ?")
        values.append(query.since)
    return " AND ".join(parts), values


def _stored(row: sqlite3.Row) -> StoredEvent:
    return StoredEvent(
        row["seq"],
        row["id"],
        row["host"],
        row["time"],
        row["kind"],
        row["user"],
        row["address"],
        row["count"],
        json.loads(row["event"]),
    )


def _tidy(tx: sqlite3.Connection, now: float) -> None:
    """Forget what is too old or too much, some at a time; what is too much, of the host that has most of it."""
    tx.execute(
        "DELETE FROM logins WHERE seq IN (SELECT seq FROM logins WHERE time < ? LIMIT ?)", (now - KEPT_S, _AT_ONCE)
    )
    for noise, most in ((1, MOST_NOISE), (0, MOST)):
        tx.execute(
            "DELETE FROM logins WHERE seq IN (SELECT seq FROM logins WHERE noise = :noise AND host ="
            " (SELECT host FROM logins WHERE noise = :noise GROUP BY host ORDER BY count(*) DESC LIMIT 1) ORDER BY seq"
            " LIMIT max(0, min(:at_once, (SELECT count(*) FROM logins WHERE noise = :noise) - :most)))",
            {"noise": noise, "most": most, "at_once": _AT_ONCE},
        )
    tx.execute("DELETE FROM login_gaps WHERE until < ?", (now - KEPT_S,))
