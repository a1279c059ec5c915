"""Alerts and the incidents that they make: what fires, what fired in the last 30 days, who took it on.

An incident is one row of `incidents`, and one row of `alerts` for each time that an alert of it began. Everything here
happens inside a transaction of whoever knows what it means (see `Database.write`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.settings import ChatTarget

KEPT_S = 30 * 86400
MOST_ALERTS = 200
"""Of an incident, at a time: each change of it is told with all of them, and a host decides how many there are."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """`subject` is what it is about: one incident of it is open at a time. `closed_at` is None while it is; `changes`
    counts what was told of it. `targets` are the chats that are told, None for the usual ones.
    """

    id: str
    subject: str
    opened_at: float
    targets: tuple[ChatTarget, ...] | None
    closed_at: float | None = None
    changed_at: float = 0.0
    changes: int = 0
    acked_by: str = ""
    acked_at: float | None = None
    silence: str = ""
    silenced_until: float | None = None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One time that an alert fired; `alert` is the rest of it as a JSON object."""

    fingerprint: str
    starts_at: float
    incident: str
    ends_at: float | None
    alert: Mapping[str, Any]


class AlertTables:
    """The two tables. Times are seconds of the Unix epoch."""

    def open_incident(self, tx: sqlite3.Connection, subject: str) -> IncidentRow | None:
        """The one that goes on."""
        return _incident(
            tx.execute("SELECT * FROM incidents WHERE subject = ? AND closed_at IS NULL", (subject,)).fetchone()
        )

    def incident(self, tx: sqlite3.Connection, incident_id: str) -> IncidentRow | None:
        """One by its id."""
        return _incident(tx.execute("SELECT * FROM incidents WHERE id = ?", (incident_id,)).fetchone())

    def open_incidents(self, tx: sqlite3.Connection) -> list[IncidentRow]:
        """All that go on, the oldest first."""
        rows = tx.execute("SELECT * FROM incidents WHERE closed_at IS NULL ORDER BY opened_at, id").fetchall()
        return [incident for row in rows if (incident := _incident(row))]

    def opened(self, tx: sqlite3.Connection, start: float, end: float) -> int:
        """How many began between two times."""
        query = "SELECT count(*) AS n FROM incidents WHERE opened_at >= ? AND opened_at < ?"
        return int(tx.execute(query, (start, end)).fetchone()["n"])

    def put_incident(self, tx: sqlite3.Connection, row: IncidentRow) -> None:
        """Write an incident as it is now."""
        targets = None if row.targets is None else json.dumps([[each.chat, each.topic] for each in row.targets])
        tx.execute(
            "INSERT INTO incidents VALUES (:id, :subject, :opened_at, :targets, :closed_at, :changed_at, :changes,"
            " :acked_by, :acked_at, :silence, :silenced_until) ON CONFLICT (id) DO UPDATE SET"
            " targets = excluded.targets, closed_at = excluded.closed_at,"
            " changed_at = excluded.changed_at, changes = excluded.changes,"
            " acked_by = excluded.acked_by, acked_at = excluded.acked_at, silence = excluded.silence,"
            " silenced_until = excluded.silenced_until",
            {**asdict(row), "targets": targets},
        )

    def alert(self, tx: sqlite3.Connection, fingerprint: str, starts_at: float) -> AlertRow | None:
        """One time that an alert fired."""
        found = tx.execute("SELECT * FROM alerts WHERE fingerprint = ? AND starts_at = ?", (fingerprint, starts_at))
        return _alert(found.fetchone())

    def firing(self, tx: sqlite3.Connection, fingerprint: str) -> AlertRow | None:
        """The time that an alert has not ended."""
        found = tx.execute(
            "SELECT * FROM alerts WHERE fingerprint = ? AND ends_at IS NULL ORDER BY starts_at DESC", (fingerprint,)
        )
        return _alert(found.fetchone())

    def has(self, tx: sqlite3.Connection, incident_id: str, fingerprint: str) -> bool:
        """True when an alert is, or was, part of an incident."""
        # By the index of fingerprints (https://sqlite.org/optoverview.html#uplus): an incident may have thousands.
        found = tx.execute(
            "SELECT 1 FROM alerts WHERE fingerprint = ? AND +incident = ? LIMIT 1", (fingerprint, incident_id)
        )
        return found.fetchone() is not None

    def alerts(self, tx: sqlite3.Connection, incident_id: str) -> list[AlertRow]:
        """Those of an incident, each alert in the last time that it fired, in the order in which they began.

        Of more than MOST_ALERTS those that fire come first, then those that began last.
        """
        rows = tx.execute(
            "SELECT * FROM (SELECT *, max(starts_at) FROM alerts WHERE incident = ? GROUP BY fingerprint"
            " ORDER BY ends_at IS NOT NULL, starts_at DESC, fingerprint LIMIT ?) ORDER BY starts_at, fingerprint",
            (incident_id, MOST_ALERTS),
        ).fetchall()
        return [alert for row in rows if (alert := _alert(row))]

    def put_alert(self, tx: sqlite3.Connection, row: AlertRow) -> None:
        """Write an alert as it is now."""
        tx.execute(
            "INSERT INTO alerts (fingerprint, starts_at, incident, ends_at, alert) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (fingerprint, starts_at) DO UPDATE SET incident = excluded.incident,"
            " ends_at = excluded.ends_at, alert = excluded.alert",
            (
                row.fingerprint,
                row.starts_at,
                row.incident,
                row.ends_at,
                json.dumps(dict(row.alert), ensure_ascii=False),
            ),
        )

    def forget(self, tx: sqlite3.Connection, now: float) -> None:
        """Drop what ended more than 30 days ago."""
        tx.execute("DELETE FROM incidents WHERE closed_at < ?", (now - KEPT_S,))


def _incident(row: sqlite3.Row | None) -> IncidentRow | None:
    if row is None:
        return None
    targets: Sequence[tuple[int, int | None]] | None = json.loads(row["targets"]) if row["targets"] else None
    return IncidentRow(
        id=row["id"],
        subject=row["subject"],
        opened_at=row["opened_at"],
        targets=None if targets is None else tuple(ChatTarget(chat, topic) for chat, topic in targets),
        closed_at=row["closed_at"],
        changed_at=row["changed_at"],
        changes=row["changes"],
        acked_by=row["acked_by"],
        acked_at=row["acked_at"],
        silence=row["silence"],
        silenced_until=row["silenced_until"],
    )


def _alert(row: sqlite3.Row | None) -> AlertRow | None:
    if row is None:
        return None
    return AlertRow(row["fingerprint"], row["starts_at"], row["incident"], row["ends_at"], json.loads(row["alert"]))
