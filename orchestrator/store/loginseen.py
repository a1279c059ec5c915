"""Who was seen coming in before, anywhere. Inside a transaction; times are seconds of the Unix epoch."""

from __future__ import annotations

from orchestrator.store.database import Transaction
from orchestrator.store.rows import AT_ONCE

KEPT_S = 400 * 86400.0
MOST_SEEN = 200_000


class LoginSeenTable:
    """The table of them: values of a kind, as an address is."""

    @staticmethod
    def see(tx: Transaction, kind: str, value: str, at: float) -> bool:
        """Remember that it was seen; True the first time."""
        known = tx.execute(
            "UPDATE login_seen SET last_at = max(last_at, ?) WHERE kind = ? AND value = ?", (at, kind, value)
        ).rowcount
        if not known:
            tx.execute("INSERT INTO login_seen VALUES (?, ?, ?, ?)", (kind, value, at, at))
        return not known

    @staticmethod
    def forget(tx: Transaction, now: float) -> None:
        """Drop what was not seen for long, or is too much."""
        tx.execute("DELETE FROM login_seen WHERE last_at < ?", (now - KEPT_S,))
        tx.execute(
            "DELETE FROM login_seen WHERE rowid IN (SELECT rowid FROM login_seen ORDER BY last_at"
            " LIMIT max(0, min(?, (SELECT count(*) FROM login_seen) - ?)))",
            (AT_ONCE, MOST_SEEN),
        )
