"""Which connections to hosts are our own: written down by whatever process makes one, before anybody can have logged
in over it. Times are seconds of the Unix epoch, by our clock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from orchestrator.store.database import Database, Transaction
from orchestrator.store.logins import StoredEvent

KEPT_S = 7 * 86400.0
MOST = 100_000
NEAR_S = 86400.0
"""So far may a host's clock be from ours; later a port is another's."""
_LATEST_TRIES = 1_000


class LoginDials:
    """Connections by the end that is ours, an address and a port: what a host logs of it, unless NAT is between."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._waiting: deque[tuple[str, str, int, float]] = deque(maxlen=MOST)

    async def note(self, host: str, address: str, port: int) -> None:
        """One to `host` begins; many that begin at a time are written as one."""
        self._waiting.append((host, address, port, self._now()))
        await self._database.write(self._put)

    def _put(self, tx: Transaction) -> None:
        if not self._waiting:  # it went with one before
            return
        while self._waiting:
            tx.execute("INSERT OR REPLACE INTO login_dials VALUES (?, ?, ?, ?)", self._waiting.popleft())
        tx.execute("DELETE FROM login_dials WHERE at < ?", (self._now() - KEPT_S,))
        tx.execute("DELETE FROM login_dials WHERE rowid <= (SELECT max(rowid) FROM login_dials) - ?", (MOST,))

    @staticmethod
    def have(tx: Transaction, host: str, address: str, port: int | None, at: float) -> bool:
        """Whether a login that `host` dates so came over one of ours."""
        row = tx.execute(
            "SELECT 1 FROM login_dials WHERE host = ? AND address = ? AND port = ? AND at BETWEEN ? AND ?",
            (host, address, port, at - NEAR_S, at + NEAR_S),
        ).fetchone()
        return row is not None

    @staticmethod
    def tried(tx: Transaction, failure: StoredEvent) -> bool:
        """Whether it was we who were refused, as a rotation of keys wants to see of the old one. What counts several
        connections may have another's among them."""
        address, port = failure.address, failure.event.get("port")
        return failure.count == 1 and LoginDials.have(tx, failure.host, address, port, failure.time)

    @staticmethod
    def tries(tx: Transaction, address: str, since: float, until: float) -> int:
        """How often logging in failed from an address, on whatever host; of the last thousand lines of it. What was
        over connections of our own does not count (see `tried`)."""
        row = tx.execute(
            "SELECT coalesce(sum(count) FILTER (WHERE kind = 'failed'), 0) AS failed,"
            " coalesce(sum(count) FILTER (WHERE kind = 'invalid_user'), 0) AS unknown FROM"
            " (SELECT seq, host, kind, count, time FROM logins INDEXED BY logins_noise_by_address"
            " WHERE address = ? AND noise ORDER BY seq DESC LIMIT ?) AS tried"
            " WHERE time BETWEEN ? AND ? AND NOT (count = 1"
            # To read an event takes long: mostly it is spared, as none of ours came from there.
            " AND EXISTS (SELECT 1 FROM login_dials WHERE host = tried.host AND address = ?)"
            " AND EXISTS (SELECT 1 FROM login_dials AS ours WHERE ours.host = tried.host AND ours.address = ?"
            " AND ours.port = (SELECT json_extract(event, '$.port') FROM logins WHERE seq = tried.seq)"
            " AND ours.at BETWEEN tried.time - ? AND tried.time + ?))",
            (address, _LATEST_TRIES, since, until, address, address, NEAR_S, NEAR_S),
        ).fetchone()
        return max(int(row["failed"]), int(row["unknown"]))
