"""Which keys opened which accounts of each host when they were last looked at."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.store.database import Transaction

Identity = tuple[str, str, bool]
"""A user, the fingerprint of a key, and whether it is an authority's."""


class LoginKeyTable:
    """The tables of them, for each `scope` of a host: to look as one who may see less must not make us forget."""

    @staticmethod
    def put(tx: Transaction, host: str, scope: str, keys: Collection[Identity], now: float) -> list[Identity]:
        """From now on it is these. Returns those that are new: none the first time."""
        known = tx.execute("SELECT 1 FROM login_key_looks WHERE host = ? AND scope = ?", (host, scope)).fetchone()
        tx.execute("INSERT OR REPLACE INTO login_key_looks VALUES (?, ?, ?)", (host, scope, now))
        rows = tx.execute(
            "SELECT user, fingerprint, is_authority FROM login_keys WHERE host = ? AND scope = ?", (host, scope)
        ).fetchall()
        before = {(row["user"], row["fingerprint"], bool(row["is_authority"])) for row in rows}
        tx.executemany(
            "DELETE FROM login_keys WHERE host = ? AND scope = ? AND user = ? AND fingerprint = ? AND is_authority = ?",
            [(host, scope, *key) for key in before.difference(keys)],
        )
        new = [key for key in keys if key not in before]
        tx.executemany("INSERT OR IGNORE INTO login_keys VALUES (?, ?, ?, ?, ?)", [(host, scope, *key) for key in new])
        return new if known else []
