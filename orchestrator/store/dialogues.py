"""Conversations under way: what was asked of somebody in a chat and answered so far. They survive a restart."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.store.database import Database

KEPT_S = 86400.0


@dataclass(frozen=True, slots=True)
class Place:
    """Who talks where: one conversation each. `topic` is a forum topic, 0 for none."""

    actor: str
    chat: int
    topic: int = 0


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation: its `kind`, an `id` that is new for every question, and its `state`, a JSON object."""

    kind: str
    id: str
    state: Mapping[str, Any]


class Dialogues:
    """The table of conversations; one that nobody went on with for a day is over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, place: Place, *, now: float | None = None) -> Dialogue | None:
        """The conversation that is under way, if any."""
        since = (time.time() if now is None else now) - KEPT_S
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT kind, id, state FROM dialogues WHERE actor = ? AND chat = ? AND topic = ? AND at > ?",
                (place.actor, place.chat, place.topic, since),
            ).fetchone()
        )
        return None if row is None else Dialogue(row["kind"], row["id"], json.loads(row["state"]))

    async def put(self, place: Place, dialogue: Dialogue, *, now: float | None = None) -> None:
        """Remember a conversation as it stands now, in place of any other."""
        at = time.time() if now is None else now
        state = json.dumps(dict(dialogue.state), ensure_ascii=False)

        def replace(tx: sqlite3.Connection) -> None:
            tx.execute("DELETE FROM dialogues WHERE at < ?", (at - KEPT_S,))
            tx.execute(
                "INSERT OR REPLACE INTO dialogues (actor, chat, topic, kind, id, state, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (place.actor, place.chat, place.topic, dialogue.kind, dialogue.id, state, at),
            )

        await self._database.write(replace)

    async def end(self, place: Place) -> None:
        """It is over."""
        await self._database.write(
            lambda tx: tx.execute(
                "DELETE FROM dialogues WHERE actor = ? AND chat = ? AND topic = ?",
                (place.actor, place.chat, place.topic),
            )
        )
