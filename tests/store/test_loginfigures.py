"""Figures of logins: what is ours is counted apart, nothing is counted twice, and no time is left out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.store import Database
from orchestrator.store.loginfigures import Bucket, LoginFigures
from orchestrator.store.logins import Cursor, LoginLog, Seen
from orchestrator.store.loginsessions import LoginSessionTable, SessionRow

T = time.time() - 86400


class Log:
    """What is known, and what is said to it."""

    def __init__(self, database: Database) -> None:
        self.figures = LoginFigures(database)
        self._database = database
        self._log = LoginLog(database)
        self._lines = 0

    async def came(self, row: SessionRow) -> None:
        await self._database.write(lambda tx: LoginSessionTable.put(tx, row))

    async def failed(self, host: str, at: float, address: str, count: int = 1) -> None:
        self._lines += 1
        place = f"1:{self._lines}"
        seen = Seen(place, at, "failed", "root", address, count, True, {})
        await self._log.put(host, [seen], Cursor("auth.log", place, at))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    yield Log(database)
    await database.close()


async def test_buckets_cover_the_time_without_a_hole(log: Log) -> None:
    ann = SessionRow("web1", "ann", "192.0.2.9", T)
    await log.came(ann)
    await log.came(replace(ann, began_at=T + 21, host="web2"))
    await log.came(replace(ann, began_at=T + 30))
    await log.came(replace(ann, began_at=T + 1, ours=True))
    await log.failed("web1", T + 9.9, "192.0.2.7", 4)
    await log.failed("web1", T + 9.9, "192.0.2.7", 0)
    await log.failed("web1", T + 30, "192.0.2.7")

    assert await log.figures.buckets(None, T, T + 30, 10) == [
        Bucket(T, 1, 4),
        Bucket(T + 10, 0, 0),
        Bucket(T + 20, 1, 0),
    ]
    assert [each.logins for each in await log.figures.buckets(["web2"], T, T + 30, 10)] == [0, 0, 1]
    assert [each.logins for each in await log.figures.buckets([], T, T + 30, 10)] == [0, 0, 0]


async def test_a_digest_knows_who_is_new_and_where_failures_came_from(log: Log) -> None:
    ann = SessionRow("web1", "ann", "192.0.2.9", T)
    for row in (
        ann,
        replace(ann, host="web2"),
        replace(ann, address="192.0.2.10", first="address"),
        replace(ann, host="web2", address="192.0.2.10", first="user"),
        replace(ann, user="bob", first="user"),
        replace(ann, user="op", first="network", ours=True),
        replace(ann, user="op", began_at=T - 1),
    ):
        await log.came(row)
    await log.failed("web1", T, "192.0.2.7", 2)
    await log.failed("web2", T, "192.0.2.7", 2)
    await log.failed("web2", T, "192.0.2.8", 3)
    await log.failed("web2", T + 60, "192.0.2.8", 3)

    digest = await log.figures.digest(T, T + 60, 1)

    assert (digest.users, digest.logins, digest.ours) == ([("ann", 4), ("bob", 1)], 5, 1)
    assert [(each.user, each.address, sorted(each.hosts)) for each in digest.newcomers] == [
        ("ann", "192.0.2.10", ["web1", "web2"]),
        ("bob", "192.0.2.9", ["web1"]),
    ]
    assert (digest.failures, digest.addresses) == (7, 2)
    assert [(each.address, each.failures, each.hosts) for each in digest.sources] == [("192.0.2.7", 4, 2)]
