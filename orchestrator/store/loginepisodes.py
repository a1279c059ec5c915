"""What of a host's logins belongs together and counts up, a row each: failures of an address, what a user did.

Times are seconds of the Unix epoch, by the hosts' clocks.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from orchestrator.store.database import Transaction
from orchestrator.store.rows import forget_old, put_row

KEPT_S = 90 * 86400.0
MOST_EPISODES = 100_000


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """What belongs together: failures of an address on a host, or what a user did there, until a pause of 30 minutes.

    `kind` is ``failures`` (`subject` is the address), ``crowd`` (of many addresses, `subject` is empty), ``sudo``,
    ``su``, ``sudo-refused``, ``su-refused``, ``accounts`` or ``keys`` (the user); ``logins`` and ``alarms``, those that
    are too many to be told one by one, and ``login`` and ``alarm``, an address's share of them; or ``gaps``, times of
    which nobody can say who came in (`names` are sources). `count` is exact; so is `unknown`, connections that named a
    user who is not known, or logins of which something was never seen before. `names` has how often each of some names
    was tried (of keys, `AccountKey.label`), `others` the tries of names beyond those. `crowd` is the episode that it
    was folded into, `addresses` how many were. After `changes` letters, `pending` says that there is news, to be told
    at `next_at` by our clock.
    """

    host: str
    kind: str
    subject: str
    first_at: float
    last_at: float
    count: int = 0
    unknown: int = 0
    names: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    detail: str = ""
    addresses: int = 0
    crowd: int = 0
    told: bool = False
    pending: bool = False
    next_at: float = 0.0
    changes: int = 0
    id: int = 0


class LoginEpisodeTable:
    """The table of them. Inside a transaction."""

    @staticmethod
    def put(tx: Transaction, row: EpisodeRow) -> EpisodeRow:
        """Write it down, as a new one if it has no id; returns it with its id."""
        values = {**asdict(row), "names": json.dumps(dict(row.names), ensure_ascii=False)}
        return EpisodeRow(**{**asdict(row), "id": put_row(tx, "login_episodes", values)})

    @staticmethod
    def at(tx: Transaction, host: str, kind: str, subject: str, at: float, *, pause: float) -> EpisodeRow | None:
        """The one of its kind and subject that goes on at a time, or does so less than a `pause` before or after."""
        return episode_of(
            tx.execute(
                # By the end, as a host may say any time: it must not matter how many of them it made so.
                "SELECT * FROM login_episodes INDEXED BY login_episodes_by_end WHERE host = ? AND kind = ?"
                " AND subject = ? AND last_at > ? AND first_at < ? ORDER BY last_at LIMIT 1",
                (host, kind, subject, at - pause, at + pause),
            ).fetchone()
        )

    @staticmethod
    def alone_since(tx: Transaction, host: str, since: float) -> int:
        """How many addresses with failures since then have a message of their own."""
        row = tx.execute(
            "SELECT count(*) AS n FROM login_episodes WHERE host = ? AND kind = 'failures' AND last_at >= ? AND told",
            (host, since),
        ).fetchone()
        return int(row["n"])

    @staticmethod
    def pending(tx: Transaction, now: float, latest: float) -> list[EpisodeRow]:
        """Those whose news is due `now`, or only after `latest`: then our clock was set back since."""
        rows = tx.execute(
            "SELECT * FROM login_episodes WHERE pending AND (next_at <= ? OR next_at > ?) ORDER BY next_at LIMIT 200",
            (now, latest),
        )
        return [row for each in rows.fetchall() if (row := episode_of(each))]

    @staticmethod
    def worst(tx: Transaction, crowd: int, limit: int) -> list[tuple[str, int]]:
        """The addresses of a crowd with the most failures, and how many."""
        rows = tx.execute(
            "SELECT subject, max(count, unknown) AS n FROM login_episodes WHERE crowd = ?"
            " ORDER BY n DESC, subject LIMIT ?",
            (crowd, limit),
        ).fetchall()
        return [(row["subject"], row["n"]) for row in rows]

    @staticmethod
    def forget(tx: Transaction, now: float) -> None:
        """Drop what is too old or too much."""
        forget_old(tx, "login_episodes", "last_at", before=now - KEPT_S, most=MOST_EPISODES)


def episode_of(row: sqlite3.Row | None) -> EpisodeRow | None:
    """What a row of the table says."""
    if row is None:
        return None
    values = {each.name: row[each.name] for each in fields(EpisodeRow)}
    values |= {"names": json.loads(row["names"]), "told": bool(row["told"]), "pending": bool(row["pending"])}
    return EpisodeRow(**values)
