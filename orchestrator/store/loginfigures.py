"""Logins as figures: how many came and tried in which time, and what a day was like. Our own connections are counted
apart and are in nothing else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class Bucket:
    """What came between `start` (seconds since the epoch) and the next bucket's start. Of `failures`, wrong passwords
    and keys are counted, not connections.
    """

    start: float
    logins: int
    failures: int


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A user who came from an address that nobody, or not this user, had come from before."""

    user: str
    address: str
    hosts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where failures came from: how many, on how many hosts."""

    address: str
    failures: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened in a time: logins by user, the most first; newcomers; failures with their worst `sources`, of
    `addresses` altogether; and our own logins.
    """

    users: Sequence[tuple[str, int]]
    newcomers: Sequence[Newcomer]
    failures: int
    sources: Sequence[Source]
    addresses: int
    ours: int

    @property
    def logins(self) -> int:
        """How many others came in."""
        return sum(count for _, count in self.users)


class LoginFigures:
    """Counts what `LoginLog` and the book of sessions put down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def buckets(self, hosts: Sequence[str] | None, since: float, until: float, width: float) -> list[Bucket]:
        """What came in each `width` seconds on `hosts` (None: on all), the oldest first; also where nothing did."""
        return await self._database.read(lambda tx: _buckets(tx, hosts, since, until, width))

    async def known_since(self, hosts: Sequence[str] | None) -> float | None:
        """When the oldest event on `hosts` was (None: on any); None where nothing is known at all."""
        here = None if hosts is None else json.dumps(list(hosts))
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT time FROM logins WHERE ?1 IS NULL OR host IN (SELECT value FROM json_each(?1))"
                " ORDER BY time LIMIT 1",
                (here,),
            ).fetchone()
        )
        return None if row is None else float(row["time"])

    async def digest(self, since: float, until: float, worst: int) -> Digest:
        """What happened in that time, with so many of the `worst` sources."""
        return await self._database.read(lambda tx: _digest(tx, since, until, worst))


def _buckets(
    tx: sqlite3.Connection, hosts: Sequence[str] | None, since: float, until: float, width: float
) -> list[Bucket]:
    span = {
        "hosts": None if hosts is None else json.dumps(list(hosts)),
        "since": since,
        "until": until,
        "width": width,
    }
    here = "(:hosts IS NULL OR host IN (SELECT value FROM json_each(:hosts)))"
    logins = tx.execute(
        "SELECT CAST((began_at - :since) / :width AS INTEGER) AS number, count(*) AS n FROM login_sessions"  # noqa: S608
        f" WHERE NOT ours AND began_at >= :since AND began_at < :until AND {here} GROUP BY number",
        span,
    )
    came = {row["number"]: row["n"] for row in logins}
    failures = tx.execute(
        "SELECT CAST((time - :since) / :width AS INTEGER) AS number, sum(count) AS n FROM logins"  # noqa: S608
        f" WHERE kind = 'failed' AND time >= :since AND time < :until AND {here} GROUP BY number",
        span,
    )
    failed = {row["number"]: row["n"] for row in failures}
    count = -int(-(until - since) // width)
    return [Bucket(since + n * width, came.get(n, 0), failed.get(n, 0)) for n in range(count)]


def _digest(tx: sqlite3.Connection, since: float, until: float, worst: int) -> Digest:
    span = {"since": since, "until": until}
    within = "began_at >= :since AND began_at < :until"
    users = tx.execute(
        f"SELECT user, count(*) AS n FROM login_sessions WHERE NOT ours AND {within}"  # noqa: S608  words of ours only
        " GROUP BY user ORDER BY n DESC, user",
        span,
    ).fetchall()
    newcomers = tx.execute(
        "SELECT user, address, json_group_array(DISTINCT host) AS hosts FROM login_sessions"  # noqa: S608
        f" WHERE NOT ours AND first != '' AND address != '' AND {within} GROUP BY user, address ORDER BY min(began_at)",
        span,
    ).fetchall()
    sources = tx.execute(
        "SELECT address, sum(count) AS n, count(DISTINCT host) AS hosts FROM logins"
        " WHERE kind = 'failed' AND count > 0 AND time >= :since AND time < :until"
        " GROUP BY address ORDER BY n DESC, address",
        span,
    ).fetchall()
    ours = tx.execute(f"SELECT count(*) AS n FROM login_sessions WHERE ours AND {within}", span).fetchone()["n"]  # noqa: S608
    return Digest(
        users=[(row["user"], row["n"]) for row in users],
        newcomers=[Newcomer(row["user"], row["address"], json.loads(row["hosts"])) for row in newcomers],
        failures=sum(row["n"] for row in sources),
        sources=[Source(row["address"], row["n"], row["hosts"]) for row in sources[:worst]],
        addresses=len(sources),
        ours=ours,
    )
