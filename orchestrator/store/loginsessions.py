"""Logins and their ends, a row each. Times are seconds of the Unix epoch, by the hosts' clocks."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestrator.store.database import Transaction
from orchestrator.store.rows import AT_ONCE, forget_old, put_row

KEPT_S = 90 * 86400.0
MOST_SESSIONS = 200_000
CLAIMED_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A login and its end. `id` is 0 before it is put down.

    `first` says what was never seen before: ``network``, ``address``, ``user`` (with this address) or nothing; `ours`
    a connection of our own. `alarm` is why it is critical: ``failures`` (that many, `failures`) or ``key``; `told`
    whether it has a message of its own, `changes` how often that was told. `ending` is ``""`` while it is open,
    ``closed``, ``unknown``, or ``left``: since then nobody looks, as its host left the inventory.
    At `claimed_at` it ended, says a line that others may have written: it counts as open all the same.
    """

    host: str
    user: str
    address: str
    began_at: float
    port: int | None = None
    method: str = ""
    key: str = ""
    comment: str = ""
    reverse: str = ""
    program: str = ""
    pid: int | None = None
    logind: str = ""
    source: str = ""
    verified: bool = False
    ended_at: float | None = None
    ending: str = ""
    claimed_at: float | None = None
    ours: bool = False
    first: str = ""
    failures: int = 0
    alarm: str = ""
    told: bool = False
    changes: int = 0
    id: int = 0


class LoginSessionTable:
    """The table of them. Inside a transaction."""

    @staticmethod
    def put(tx: Transaction, row: SessionRow) -> SessionRow:
        """Write it down, as a new one if it has no id; returns it with its id."""
        return SessionRow(**{**asdict(row), "id": put_row(tx, "login_sessions", asdict(row))})

    @staticmethod
    def get(tx: Transaction, session_id: int) -> SessionRow | None:
        """One by its id."""
        return session_of(tx.execute("SELECT * FROM login_sessions WHERE id = ?", (session_id,)).fetchone())

    @staticmethod
    def open_by(tx: Transaction, host: str, **values: Any) -> SessionRow | None:
        """The newest open one on `host` whose columns have these values: ``pid``, ``logind``, or ``port`` and more."""
        where = " AND ".join(f"{name} = :{name}" for name in values)
        return session_of(
            tx.execute(
                # The index, as there is one that would sort for nothing and go through all that ever were. A host may
                # leave any number open.
                f"SELECT * FROM login_sessions INDEXED BY login_sessions_open_by_{next(iter(values))}"  # noqa: S608
                f" WHERE host = :host AND ended_at IS NULL AND {where} ORDER BY id DESC LIMIT 1",
                {**values, "host": host},
            ).fetchone()
        )

    @staticmethod
    def open_on(tx: Transaction, host: str) -> list[SessionRow]:
        """All open ones of a host, the oldest first."""
        rows = tx.execute(
            "SELECT * FROM login_sessions INDEXED BY login_sessions_open_by_pid WHERE host = ? AND ended_at IS NULL"
            " ORDER BY id",
            (host,),
        )
        return [row for each in rows.fetchall() if (row := session_of(each))]

    @staticmethod
    def hosts_with_open(tx: Transaction) -> frozenset[str]:
        """The hosts that have any."""
        rows = tx.execute(
            "SELECT DISTINCT host FROM login_sessions INDEXED BY login_sessions_open_by_pid WHERE ended_at IS NULL"
        )
        return frozenset(row["host"] for row in rows.fetchall())

    @staticmethod
    def forget(tx: Transaction, now: float) -> None:
        """Drop what is too old or too much.

        A session whose end was only claimed has ended when nothing contradicted that for so long: else those of a host
        where nothing vouches for a line would be open for ever.
        """
        forget_old(tx, "login_sessions", "began_at", before=now - KEPT_S, most=MOST_SESSIONS)
        tx.execute(
            "UPDATE login_sessions SET ended_at = claimed_at, ending = 'unknown' WHERE id IN"
            " (SELECT id FROM login_sessions WHERE ended_at IS NULL AND claimed_at < ? LIMIT ?)",
            (now - CLAIMED_S, AT_ONCE),
        )


def session_of(row: sqlite3.Row | None) -> SessionRow | None:
    """What a row of the table says."""
    if row is None:
        return None
    values = {each.name: row[each.name] for each in fields(SessionRow)}
    return SessionRow(**{**values, **{name: bool(row[name]) for name in ("verified", "ours", "told")}})
