"""What is made of logins, as people look for it: sessions and episodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.store.database import Database
from orchestrator.store.loginepisodes import EpisodeRow, episode_of
from orchestrator.store.loginsessions import SessionRow, session_of


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Which sessions: all that fit every field that is given, before the one with the id `before`; the newest first."""

    hosts: Sequence[str] | None = None
    user: str = ""
    address: str = ""
    since: float | None = None
    ours: bool = False
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class EpisodeQuery:
    """Which episodes, the one that went on last first. Those folded into a crowd only if asked for an address."""

    hosts: Sequence[str] | None = None
    address: str = ""
    kinds: Sequence[str] = ("failures", "crowd")
    since: float | None = None
    limit: int = 100


class LoginBookReader:
    """Asks for sessions and episodes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """What fits `query`, the newest first."""
        where, values = _where(
            hosts=query.hosts, user=query.user, address=query.address, since=("began_at", query.since)
        )
        if not query.ours:
            where += " AND NOT ours"
        if query.before is not None:
            where, values = f"{where} AND id < ?", [*values, query.before]
        sql = f"SELECT * FROM login_sessions WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608  words of ours only
        rows = await self._database.read(lambda tx: tx.execute(sql, (*values, query.limit)).fetchall())
        return [row for each in rows if (row := session_of(each))]

    async def episodes(self, query: EpisodeQuery) -> list[EpisodeRow]:
        """What fits `query`, the one that went on last first."""
        where, values = _where(hosts=query.hosts, subject=query.address, since=("last_at", query.since))
        where += " AND kind IN (SELECT value FROM json_each(?))"
        if not query.address:
            where += " AND NOT crowd"
        sql = f"SELECT * FROM login_episodes WHERE {where} ORDER BY last_at DESC LIMIT ?"  # noqa: S608
        given = (*values, json.dumps(list(query.kinds)), query.limit)
        rows = await self._database.read(lambda tx: tx.execute(sql, given).fetchall())
        return [row for each in rows if (row := episode_of(each))]


def _where(*, hosts: Sequence[str] | None, since: tuple[str, float | None], **equal: str) -> tuple[str, list[Any]]:
    parts = ["1"]
    values: list[Any] = []
    if hosts is not None:
        parts.append("host IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(hosts)))
    for name, value in equal.items():
        if value:
            parts.append(f"{name} = ?")
            values.append(value)
    column, at = since
    if at is not None:
        parts.append(f"{column} >= ?")
        values.append(at)
    return " AND ".join(parts), values
