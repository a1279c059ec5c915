"""A login and its end: which lines of a host's log are about the same session. Inside one transaction.

sshd's lines of a session share a process, but for the last, whose process is the user's: that one has the port. logind
tells its id beside the process that leads the session, so its lines are found by either. What has ended stays so.

A line that any local user can write ends no session, it claims that: else whoever is on could hide others, or himself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.logins.event import Kind
from orchestrator.store.database import Transaction
from orchestrator.store.loginboots import Ended
from orchestrator.store.logins import StoredEvent
from orchestrator.store.loginseen import LoginSeenTable
from orchestrator.store.loginsessions import LoginSessionTable, SessionRow

CLOSED, UNKNOWN, LEFT = "closed", "unknown", "left"
FIRST = ("network", "address", "user")
"""What may be new of a login, the strangest first."""
_BECAME = frozenset({"su", "sudo", "doas", "pkexec", "runuser", "su-l", "sudo-rs"})


class Sessions:
    """Writes down what events say of the sessions of one `host`; `changed` are those that did."""

    def __init__(self, tx: Transaction, host: str) -> None:
        self._tx = tx
        self._host = host
        self._changed: dict[int, SessionRow] = {}

    @property
    def changed(self) -> tuple[SessionRow, ...]:
        """As they are now, the oldest first."""
        return tuple(self._changed[number] for number in sorted(self._changed))

    def write(self, row: SessionRow) -> SessionRow:
        """Put one down, and count it as changed."""
        row = LoginSessionTable.put(self._tx, row)
        self._changed[row.id] = row
        return row

    def begin(self, stored: StoredEvent) -> SessionRow:
        """Somebody came in. A session of the same process that is open has ended, nobody saw how."""
        event, pid = stored.event, stored.event["pid"]
        while pid is not None and (before := LoginSessionTable.open_by(self._tx, self._host, pid=pid)):
            if not _is_vouched_for(stored):
                self._claim(before, stored.time)
                break
            self._end(before, stored.time, UNKNOWN)
        return self.write(
            SessionRow(
                host=self._host,
                user=stored.user,
                address=stored.address,
                began_at=stored.time,
                port=event["port"],
                method=event["method"],
                key=event["key"],
                program=event["program"],
                pid=pid,
                source=event["source"],
                verified=event["verified"],
            )
        )

    def follow(self, stored: StoredEvent) -> None:
        """What else is said of a session: its id, its end."""
        event = stored.event
        if event["program"] in _BECAME:
            return
        if stored.kind == Kind.SESSION_OPENED and event["session"] and event["pid"] is not None:
            row = LoginSessionTable.open_by(self._tx, self._host, pid=event["pid"])
            if row and not row.logind:
                row = LoginSessionTable.put(self._tx, replace(row, logind=event["session"]))
                if row.id in self._changed:
                    self._changed[row.id] = row
        elif stored.kind in (Kind.SESSION_CLOSED, Kind.DISCONNECTED) and (row := self._ending(stored, event)):
            if _is_vouched_for(stored):
                self._end(row, stored.time, CLOSED)
            else:
                self._claim(row, stored.time)

    def lose(self, ended: Ended, now: float) -> None:
        """The host has started anew: what `ended` with the boot before that has, nobody saw when."""
        up = min(now if ended.up is None else ended.up, now)
        for row in LoginSessionTable.open_on(self._tx, self._host):
            if row.id <= ended.last or (ended.up is not None and row.began_at < up):
                self._end(row, up, UNKNOWN)

    def abandon(self, now: float) -> None:
        """The host is looked at no more: how what is open ends nobody will see."""
        for row in LoginSessionTable.open_on(self._tx, self._host):
            self._end(row, now, LEFT)

    def _ending(self, stored: StoredEvent, event: Mapping[str, Any]) -> SessionRow | None:
        """The open session that an event ends."""
        by: list[dict[str, Any]] = []
        if event["port"] is not None and stored.address:
            by.append({"port": event["port"], "address": stored.address})
        else:
            by += [{column: event[name]} for column, name in (("logind", "session"), ("pid", "pid")) if event[name]]
        for values in by:
            row = LoginSessionTable.open_by(self._tx, self._host, **values)
            if row and (not stored.user or stored.user == row.user):
                return row
        return None

    def _claim(self, row: SessionRow, at: float) -> None:
        if row.claimed_at is None:
            self.write(replace(row, claimed_at=max(row.began_at, at)))

    def _end(self, row: SessionRow, at: float, ending: str) -> None:
        row = replace(row, ended_at=max(row.began_at, at), ending=ending)
        if ending != CLOSED and row.claimed_at is not None:
            LoginSessionTable.put(self._tx, row)  # no news, and of a host without a journal they are many
        else:
            self.write(row)


def _is_vouched_for(stored: StoredEvent) -> bool:
    """Whether root wrote it: of the journal we have nothing else about sessions, but that somebody left (see
    `journal.parse_journal`)."""
    event = stored.event
    return bool(event["verified"]) or (event["source"] == "journal" and stored.kind != Kind.DISCONNECTED)


def first_of(tx: Transaction, row: SessionRow) -> str:
    """What of a login was never seen before, on any host (see FIRST); remembers it."""
    if not row.address:
        return ""
    values = {"network": network_of(row.address), "address": row.address, "user": f"{row.address} {row.user}"}
    new = [kind for kind in FIRST if LoginSeenTable.see(tx, kind, values[kind], row.began_at)]
    return new[0] if new else ""


def network_of(address: str) -> str:
    """The neighbourhood of an address: its /24, in IPv6 its /48; a name is its own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))
