"""The incidents that go on: each change told once, in one transaction with its letter, whatever is said twice or never.

An incident is all alerts of one name on one host from the first that began to the last that ended: one message in each
chat, edited as it changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.alerts.incidents import Incidents
from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.settings import ChatTarget
from orchestrator.store import AlertTables, Database, IncidentRow, Outbox, Priority, Transaction

LETTER = "alert"
"""The kind of our letters; their payload is `AlertGroup.to_json()`."""
JOINED = "alert.joined"
"""The kind of letters that reply to one, about more of the same that has begun: ``{"alerts": [Alert.to_json()]}``."""
MOST_PLACES = 4  # of an incident that make a sound each

_PRIORITIES = {"critical": Priority.CRITICAL, "warning": Priority.WARNING, "info": Priority.INFO}

Route = Callable[[str, str], Sequence[ChatTarget] | None]
"""Host, severity -> the chats to tell; None for the usual ones."""


@dataclass(frozen=True, slots=True)
class Muting:
    """The silence that covers an incident, by its id in Alertmanager, until a Unix time; none by default."""

    silence: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What Alertmanager was seen to know that the book does not, asked for at the Unix time `as_of`.

    `ended` fire in the book alone, `begun` in Alertmanager alone; `mutings` are by the id of incidents.
    """

    as_of: float
    ended: tuple[Alert, ...] = ()
    begun: tuple[Alert, ...] = ()
    mutings: Mapping[str, Muting] | None = None


class AlertBook:
    """Keeps the incidents. `now` gives seconds of the Unix epoch. Everything may raise StoreError."""

    def __init__(
        self, database: Database, outbox: Outbox, route: Route, *, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._route = route
        self._now = now
        self._tables = AlertTables()

    async def receive(self, alerts: Iterable[Alert]) -> int:
        """Take in what Alertmanager says, all of it or nothing; returns how many incidents that changed."""
        alerts = tuple(alerts)

        def work(tx: Transaction) -> int:
            self._tables.forget(tx, self._now())
            incidents = Incidents(tx, self._tables)
            for alert in alerts:
                if alert.firing:
                    incidents.begin(alert)
                else:
                    incidents.end(alert)
            return self._tell(tx, incidents)

        return await self._database.write(work)

    async def settle(self, findings: Findings) -> int:
        """Bring the book in line with Alertmanager; returns how many incidents that changed.

        What has changed in the book since it was asked is left alone.
        """

        def work(tx: Transaction) -> int:
            incidents = Incidents(tx, self._tables, unless_changed_since=findings.as_of)
            for alert in findings.ended:
                incidents.end(replace(alert, ends_at=findings.as_of))
            for alert in findings.begun:
                incidents.begin(alert, again=True)
            for group_id, muting in (findings.mutings or {}).items():
                incidents.change(group_id, silence=muting.silence, silenced_until=muting.until)
            return self._tell(tx, incidents)

        return await self._database.write(work)

    async def current(self) -> tuple[AlertGroup, ...]:
        """The incidents that go on, the oldest first."""
        return await self._database.read(
            lambda tx: tuple(self._group(tx, row) for row in self._tables.open_incidents(tx))
        )

    async def group(self, group_id: str) -> AlertGroup | None:
        """One incident, also one that has ended in the last 30 days."""
        return await self._database.read(lambda tx: self._find(tx, group_id))

    async def message(self, group: AlertGroup, target: ChatTarget) -> int | None:
        """The message of an incident in a chat, which shows each change by itself; None where there is none."""
        return await self._outbox.message(target, group.thread)

    async def acknowledge(self, group_id: str, by: str) -> AlertGroup | None:
        """Write down who takes an incident on, "" for nobody, and tell; returns it as it is then, None without one."""
        return await self._change(group_id, acked_by=by, acked_at=self._now() if by else None)

    async def mute(self, group_id: str, muting: Muting) -> AlertGroup | None:
        """Write down which silence covers an incident, and tell; returns it as it is then, None without one."""
        return await self._change(group_id, silence=muting.silence, silenced_until=muting.until)

    async def _change(self, group_id: str, **values: str | float | None) -> AlertGroup | None:
        def work(tx: Transaction) -> AlertGroup | None:
            incidents = Incidents(tx, self._tables)
            incidents.change(group_id, **values)
            self._tell(tx, incidents)
            return self._find(tx, group_id)

        return await self._database.write(work)

    def _find(self, tx: Transaction, group_id: str) -> AlertGroup | None:
        row = self._tables.incident(tx, group_id)
        group = self._group(tx, row) if row else None
        return group if group and group.alerts else None

    def _tell(self, tx: Transaction, incidents: Incidents) -> int:
        """Write down and tell incidents as they are after their alerts have changed."""
        for row in incidents.changed:
            group = self._group(tx, row)
            first, joined = row.changes == 0, incidents.joined(row.id)
            row = replace(  # noqa: PLW2901 - the same one
                row,
                targets=self._heard_by(row, group, joined),
                closed_at=group.ended_at,
                changed_at=self._now(),
                changes=row.changes + 1,
            )
            self._tables.put_incident(tx, row)
            self._outbox.put(
                tx,
                LETTER,
                group.to_json(),
                key=f"{LETTER} {row.id} {row.changes}",
                thread=group.thread,
                priority=_PRIORITIES[group.severity] if group.firing else Priority.RESOLVED,
                targets=row.targets,
            )
            if not first:
                self._tell_joined(tx, row, group, joined)
        return len(incidents.changed)

    def _heard_by(self, row: IncidentRow, group: AlertGroup, joined: Sequence[Alert]) -> tuple[ChatTarget, ...] | None:
        """The chats of an incident: those where it began, and once more has joined it, those that hear of what is as
        bad as it is then.
        """
        before, routed = row.targets, self._route(group.host, group.severity)
        now = None if routed is None else tuple(routed)
        if row.changes == 0 or before == now:
            return now
        if not joined:
            return before
        usual = self._outbox.targets
        return tuple(dict.fromkeys((*(usual if before is None else before), *(usual if now is None else now))))

    def _tell_joined(self, tx: Transaction, row: IncidentRow, group: AlertGroup, joined: Sequence[Alert]) -> None:
        """An edit makes no sound, and a disk that fills up after another is news; one that comes and goes is not."""
        if joined and len(group.alerts) <= MOST_PLACES:
            self._outbox.put(
                tx,
                JOINED,
                {"alerts": [alert.to_json() for alert in joined]},
                key=f"{JOINED} {row.id} {row.changes}",
                thread=group.thread,
                reply=True,
                priority=_PRIORITIES[group.severity],
                targets=row.targets,
            )

    def _group(self, tx: Transaction, row: IncidentRow) -> AlertGroup:
        alerts = (
            Alert.from_json({**each.alert, "starts_at": each.starts_at, "ends_at": each.ends_at})
            for each in self._tables.alerts(tx, row.id)
        )
        return AlertGroup(row.id, tuple(alerts), row.acked_by, row.acked_at, row.silence, row.silenced_until)
