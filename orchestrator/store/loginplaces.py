"""Where each host was reached when its log was last read: by that it is known again under another name.

Everything happens inside a transaction.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.store.database import Transaction

_BY_HOST = ("login_cursors", "login_vantages", "login_dials", "login_boots", "login_key_looks", "login_keys")
"""What goes on under a new name. What happened until then stays with the name that it was told under."""


class LoginPlaces:
    """The table of them. A place is any text; a name has one, and a place may have several names."""

    @staticmethod
    def put(tx: Transaction, host: str, place: str, names: Collection[str]) -> str:
        """`host` is at `place`, and `names` are all hosts that there are. Returns the name that it goes on from:
        another one of that place, which is no host any more, where nothing was read under this one yet; or ``""``."""
        before = "" if _is_read(tx, host) else _last_at(tx, place, names)
        if before:
            for table in _BY_HOST:
                tx.execute(f"UPDATE OR REPLACE {table} SET host = ? WHERE host = ?", (host, before))  # noqa: S608
            tx.execute("UPDATE login_sessions SET host = ? WHERE host = ? AND ended_at IS NULL", (host, before))
            tx.execute("DELETE FROM login_places WHERE host = ?", (before,))
        tx.execute(
            "INSERT INTO login_places VALUES (?, ?) ON CONFLICT DO UPDATE SET place = excluded.place"
            " WHERE place != excluded.place",
            (host, place),
        )
        return before

    @staticmethod
    def hosts(tx: Transaction) -> frozenset[str]:
        """All names that have one."""
        return frozenset(row["host"] for row in tx.execute("SELECT host FROM login_places").fetchall())

    @staticmethod
    def forget(tx: Transaction, hosts: Collection[str]) -> None:
        """Whoever is there later is another."""
        tx.executemany("DELETE FROM login_places WHERE host = ?", [(host,) for host in hosts])


def _is_read(tx: Transaction, host: str) -> bool:
    return tx.execute("SELECT 1 FROM login_cursors WHERE host = ?", (host,)).fetchone() is not None


def _last_at(tx: Transaction, place: str, names: Collection[str]) -> str:
    """The name of a place, and none of `names`, under which a log was read last."""
    rows = tx.execute(
        "SELECT host FROM login_places JOIN login_cursors USING (host) WHERE place = ? ORDER BY at DESC", (place,)
    ).fetchall()
    return next((str(row["host"]) for row in rows if row["host"] not in names), "")
