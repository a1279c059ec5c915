"""From where and with which keys we come in ourselves, as hosts see it. Inside a transaction; times by our clock."""

from __future__ import annotations

from orchestrator.store.database import Transaction

KEPT_S = 7 * 86400.0


class LoginVantageTable:
    """The table of it."""

    @staticmethod
    def put(tx: Transaction, host: str, address: str, key: str, now: float) -> None:
        """We came in from there with that key."""
        tx.execute("INSERT OR REPLACE INTO login_vantages VALUES (?, ?, ?, ?)", (host, address, key, now))

    @staticmethod
    def addresses(tx: Transaction, host: str) -> frozenset[str]:
        """The addresses that we lately had as `host` sees us."""
        rows = tx.execute("SELECT address FROM login_vantages WHERE host = ?", (host,)).fetchall()
        return frozenset(row["address"] for row in rows)

    @staticmethod
    def used_keys(tx: Transaction) -> frozenset[str]:
        """The fingerprints of keys that we lately came in with, anywhere."""
        rows = tx.execute("SELECT DISTINCT key FROM login_vantages WHERE key != ''").fetchall()
        return frozenset(row["key"] for row in rows)

    @staticmethod
    def forget(tx: Transaction, now: float) -> None:
        """Drop what is old; but where we came from last holds for as long as that connection does."""
        tx.execute(
            "DELETE FROM login_vantages WHERE at < ? AND at <"
            " (SELECT max(at) FROM login_vantages AS other WHERE other.host = login_vantages.host)",
            (now - KEPT_S,),
        )
