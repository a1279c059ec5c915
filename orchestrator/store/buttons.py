"""What the inline buttons mean: a random id in the chat, its meaning here.

Telegram gives a button 64 bytes that anyone who sees the message can replay (Bot API, callback_data), so the bytes are
an unguessable id and nothing else; the meaning survives a restart.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.store.database import Database


@dataclass(frozen=True, slots=True)
class ButtonRow:
    """A button to be shown: `verb` and `args` say what a tap asks for, `requester` is the actor who may tap it
    (empty: whoever may talk to us), `lifetime` is in seconds.

    Buttons with `once` that are put up together are one family: the first tap uses up all of them.
    """

    verb: str
    args: Mapping[str, str]
    requester: str
    lifetime: float
    once: bool


class Press(StrEnum):
    """What became of a tap."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"
    NOT_YOURS = "not_yours"


class Buttons:
    """The table of buttons."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, rows: Sequence[ButtonRow], *, now: float | None = None) -> list[str]:
        """Remember buttons of one message; returns their ids, in order, 22 characters each."""
        at = time.time() if now is None else now
        family = secrets.token_urlsafe(16)
        ids = [secrets.token_urlsafe(16) for _ in rows]
        values = [
            (id_, row.verb, json.dumps(dict(row.args)), row.requester, at + row.lifetime, row.once, family)
            for id_, row in zip(ids, rows, strict=True)
        ]

        def insert(tx: sqlite3.Connection) -> None:
            tx.execute("DELETE FROM buttons WHERE expires_at < ?", (at - 86400,))
            tx.executemany(
                "INSERT INTO buttons (id, verb, args, requester, expires_at, once, family)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )

        await self._database.write(insert)
        return ids

    async def press(self, id_: str, actor: str, *, now: float | None = None) -> tuple[Press, str, Mapping[str, str]]:
        """Tap a button as `actor`: the verdict, the verb and the arguments (empty unless taken).

        Two taps at once on a `once` button: exactly one is taken.
        """
        at = time.time() if now is None else now

        def take(tx: sqlite3.Connection) -> tuple[Press, str, Mapping[str, str]]:
            row = tx.execute("SELECT * FROM buttons WHERE id = ?", (id_,)).fetchone()
            verdict = _judge(row, actor, at)
            if verdict is not Press.TAKEN:
                return verdict, "", {}
            if row["once"]:
                tx.execute("UPDATE buttons SET used_at = ? WHERE family = ? AND once", (at, row["family"]))
            return verdict, row["verb"], json.loads(row["args"])

        return await self._database.write(take)


def _judge(row: sqlite3.Row | None, actor: str, at: float) -> Press:
    if row is None:
        return Press.UNKNOWN
    if row["requester"] not in ("", actor):
        return Press.NOT_YOURS
    if row["used_at"] is not None:
        return Press.USED
    if row["expires_at"] < at:
        return Press.EXPIRED
    return Press.TAKEN
