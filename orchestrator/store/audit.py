"""The evidence: what was asked, by whom, on which hosts, and what came of it.

An intent is committed before the work starts and its result after. An intent without a result means that we died in
between: its outcome is unknown, and is said to be.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written of a request: `action` is its kind, `summary` one English sentence."""

    actor: str
    face: str
    action: str
    summary: str
    hosts: Sequence[str]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as read back. `outcome` is a JSON object; `intent` the seq of the intent that a result belongs to."""

    seq: int
    at: datetime
    kind: str
    intent: int | None
    actor: str
    face: str
    action: str
    summary: str
    hosts: tuple[str, ...]
    outcome: Mapping[str, Any]


class AuditLog:
    """The audit table. Rows are only ever added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def intent(self, entry: Entry) -> int:
        """Write that `entry` is about to happen; returns its seq."""
        return await self._add("intent", entry, {}, None)

    async def result(self, intent: int, entry: Entry, outcome: Mapping[str, Any]) -> int:
        """Write what came of an intent; raises `StoreError` on a second result for the same intent."""
        return await self._add("result", entry, outcome, intent)

    async def latest(self, count: int) -> list[AuditRow]:
        """The newest rows, newest first."""
        rows = await self._database.read(
            lambda tx: tx.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT ?", (count,)).fetchall()
        )
        return [_row(row) for row in rows]

    async def unfinished(self) -> list[AuditRow]:
        """Intents without a result, oldest first: after a crash, work whose outcome is unknown."""
        rows = await self._database.read(
            lambda tx: tx.execute(
                "SELECT * FROM audit AS a WHERE kind = 'intent' AND NOT EXISTS"
                " (SELECT 1 FROM audit AS b WHERE b.kind = 'result' AND b.intent = a.seq) ORDER BY seq"
            ).fetchall()
        )
        return [_row(row) for row in rows]

    async def _add(self, kind: str, entry: Entry, outcome: Mapping[str, Any], intent: int | None) -> int:
        values = (
            time.time(),
            kind,
            intent,
            entry.actor,
            entry.face,
            entry.action,
            # A command line may hold bytes that are no text; SQLite takes text only.
            entry.summary.encode("utf-8", "backslashreplace").decode(),
            json.dumps(list(entry.hosts), ensure_ascii=False),
            json.dumps(dict(outcome), ensure_ascii=False, sort_keys=True),
        )

        def insert(tx: sqlite3.Connection) -> int:
            cursor = tx.execute(
                "INSERT INTO audit (at, kind, intent, actor, face, action, summary, hosts, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

        return await self._database.write(insert)


def _row(row: sqlite3.Row) -> AuditRow:
    return AuditRow(
        seq=row["seq"],
        at=datetime.fromtimestamp(row["at"], UTC),
        kind=row["kind"],
        intent=row["intent"],
        actor=row["actor"],
        face=row["face"],
        action=row["action"],
        summary=row["summary"],
        hosts=tuple(json.loads(row["hosts"])),
        outcome=json.loads(row["outcome"]),
    )
