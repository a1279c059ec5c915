"""Which incident an alert belongs to, and what of it is news: inside one transaction.

Alertmanager repeats itself: each group interval while we do not answer, and after a restart of either. So an alert is
known by its fingerprint and when it began; what is known of it already changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from orchestrator.alerts.model import Alert
from orchestrator.store import AlertRow, AlertTables, IncidentRow, Transaction


class Incidents:
    """Writes alerts down in `tx`, and gathers the incidents that this `changed`; those are for the caller to write.

    Incidents that changed at or after the Unix time `unless_changed_since` are left alone.
    """

    def __init__(self, tx: Transaction, tables: AlertTables, *, unless_changed_since: float | None = None) -> None:
        self._tx = tx
        self._tables = tables
        self._since = unless_changed_since
        self._changed: dict[str, IncidentRow] = {}
        self._joined: dict[str, list[Alert]] = {}

    @property
    def changed(self) -> tuple[IncidentRow, ...]:
        """Incidents that are to be told, as they were but for what `change` was asked."""
        return tuple(self._changed.values())

    def joined(self, incident_id: str) -> tuple[Alert, ...]:
        """Those that have begun and never were part of this incident before."""
        return tuple(self._joined.get(incident_id, ()))

    def begin(self, alert: Alert, *, again: bool = False) -> None:
        """An alert fires. With `again` also one that was written down as ended: that was a mistake."""
        known = self._tables.alert(self._tx, alert.fingerprint, alert.starts_at)
        if known and known.ends_at is None:
            self._write(alert, known.incident)  # its value may be another now, which is not news
            return
        firing = self._tables.firing(self._tx, alert.fingerprint)
        if (known and not again) or (firing and firing.starts_at > alert.starts_at):
            return
        incident = self._open(alert, before=known)
        if self._left_alone(incident):
            return
        if firing:  # its end was lost
            self._tables.put_alert(self._tx, replace(firing, ends_at=alert.starts_at))
        self._changed.setdefault(incident.id, incident)
        if not self._tables.has(self._tx, incident.id, alert.fingerprint):
            self._joined.setdefault(incident.id, []).append(alert)
        self._write(alert, incident.id)

    def end(self, alert: Alert) -> None:
        """An alert has ended, at its `ends_at`; one of which nobody knew that it fired was short."""
        known = self._tables.alert(self._tx, alert.fingerprint, alert.starts_at)
        known = known or self._tables.firing(self._tx, alert.fingerprint)
        if known is None:
            incident = self._open(alert)
        elif known.ends_at is not None or known.starts_at > (alert.ends_at or 0.0):
            return
        else:
            incident = self._incident(known.incident)
            alert = replace(alert, starts_at=known.starts_at)
        if not self._left_alone(incident):
            self._changed.setdefault(incident.id, incident)
            self._write(alert, incident.id)

    def change(self, incident_id: str, **values: Any) -> None:
        """Give an incident other values of `IncidentRow`; one that is not there, or has them, stays as it is."""
        row = self._changed.get(incident_id) or self._tables.incident(self._tx, incident_id)
        if row and not self._left_alone(row) and replace(row, **values) != row:
            self._changed[row.id] = replace(row, **values)

    def _left_alone(self, incident: IncidentRow) -> bool:
        return self._since is not None and incident.changed_at >= self._since

    def _open(self, alert: Alert, *, before: AlertRow | None = None) -> IncidentRow:
        """The incident that goes on; else the one that the alert was of `before`; else a new one, which is the same
        again if it began at the same moment.
        """
        subject = json.dumps([alert.name, alert.host])
        if going_on := self._tables.open_incident(self._tx, subject):
            return going_on
        if before:
            return self._incident(before.incident)
        incident_id = f"{hashlib.sha256(subject.encode()).hexdigest()[:12]}-{alert.starts_at * 1000:.0f}"
        row = self._changed.get(incident_id) or self._tables.incident(self._tx, incident_id)
        if row is None:
            row = IncidentRow(incident_id, subject, alert.starts_at, None)
            self._tables.put_incident(self._tx, row)
        return row

    def _incident(self, incident_id: str) -> IncidentRow:
        row = self._tables.incident(self._tx, incident_id)
        assert row is not None  # a foreign key
        return row

    def _write(self, alert: Alert, incident_id: str) -> None:
        row = AlertRow(alert.fingerprint, alert.starts_at, incident_id, alert.ends_at, alert.to_json())
        self._tables.put_alert(self._tx, row)
