"""Letters about logins, each put into the outbox within the transaction that knows what it tells.

A session is one thread, made when somebody came in and edited when he left. An episode is one that counts up: told at
once, then at most every 10 seconds, later every two minutes, and the last count always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from orchestrator.logins.episodes import ALARMS, CROWDS, GAPS, LOGINS, Episodes
from orchestrator.settings import ChatTarget
from orchestrator.store.database import Transaction
from orchestrator.store.loginepisodes import EpisodeRow, LoginEpisodeTable
from orchestrator.store.loginsessions import LoginSessionTable, SessionRow
from orchestrator.store.outbox import Outbox, Priority

LOGIN, EPISODE = "login", "login.episode"
"""Kinds of letters; the payloads are a SessionRow and an EpisodeRow (with `worst`, the addresses of a crowd that came
or tried most), each as a JSON object."""

LAST_PAUSE_S = 120.0
_FIRST_PAUSE_S = 10.0
_WORST = 5
_SEVERITIES = {ALARMS: "critical", LOGINS: "warning", GAPS: "warning"}
_PRIORITIES = {"critical": Priority.CRITICAL, "warning": Priority.WARNING, "info": Priority.INFO}

Route = Callable[[str, str], Sequence[ChatTarget] | None]
"""Host, severity -> the chats to tell; None for the usual ones."""


class LoginLetters:
    """Writes them, to the chats that `route` names. `now` is our clock."""

    def __init__(self, outbox: Outbox, route: Route, now: Callable[[], float]) -> None:
        self._outbox = outbox
        self._route = route
        self._now = now

    def session(self, tx: Transaction, row: SessionRow) -> None:
        """Tell how a session stands, if it has a message at all."""
        row = LoginSessionTable.put(tx, replace(row, changes=row.changes + 1))
        if row.told:
            severity = "critical" if row.alarm else "warning"
            self._put(tx, LOGIN, asdict(row), number=(row.id, row.changes), severity=severity, host=row.host)

    def episodes(self, tx: Transaction, episodes: Episodes) -> None:
        """Write down what was counted, and tell it."""
        episodes.save()
        for row in episodes.changed:
            self.episode(tx, row)

    def episode(self, tx: Transaction, row: EpisodeRow) -> None:
        """Tell it now, or note that there is news."""
        now = self._now()
        if row.changes and now < row.next_at <= now + LAST_PAUSE_S:
            LoginEpisodeTable.put(tx, replace(row, pending=True))
            return
        pause = min(LAST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(row.changes, 8))
        row = LoginEpisodeTable.put(tx, replace(row, changes=row.changes + 1, pending=False, next_at=now + pause))
        worst = LoginEpisodeTable.worst(tx, row.id, _WORST) if row.kind in CROWDS.values() else []
        payload = {**asdict(row), "worst": worst}
        severity = _SEVERITIES.get(row.kind, "info")
        self._put(tx, EPISODE, payload, number=(row.id, row.changes), severity=severity, host=row.host)

    def _put(
        self,
        tx: Transaction,
        kind: str,
        payload: Mapping[str, Any],
        *,
        number: tuple[int, int],
        severity: str,
        host: str,
    ) -> None:
        """A letter of the thread of a session or an episode."""
        self._outbox.put(
            tx,
            kind,
            payload,
            key=f"{kind} {number[0]} {number[1]}",
            thread=f"{kind} {number[0]}",
            priority=_PRIORITIES[severity],
            targets=self._route(host, severity),
        )
