"""Which Telegram updates were taken: each is acted on at most once, also over a crash."""

from __future__ import annotations

import sqlite3
import time

from orchestrator.store.database import Database

KEPT_S = 7 * 86400  # Telegram forgets an update after 24 h (Bot API, getUpdates), so a week is ample


class Inbox:
    """Rows of update ids, committed before the update is acted on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, update_id: int, *, now: float | None = None) -> bool:
        """Claim an update; False when it was taken before, by this process or one that died.

        `now` is in seconds of the Unix epoch.
        """
        at = time.time() if now is None else now

        def claim(tx: sqlite3.Connection) -> bool:
            tx.execute("DELETE FROM inbox WHERE received_at < ?", (at - KEPT_S,))
            taken = tx.execute("INSERT OR IGNORE INTO inbox (update_id, received_at) VALUES (?, ?)", (update_id, at))
            return taken.rowcount == 1

        return await self._database.write(claim)
