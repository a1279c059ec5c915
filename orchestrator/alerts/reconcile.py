"""The book compared with Alertmanager, for what it never tells: an alert that ends while it is silenced or inhibited
(https://github.com/prometheus/alertmanager/issues/226), a message that was lost, a silence made elsewhere.

What Alertmanager does not know is ended only where it would know: it and Prometheus have run for a while, or since
before the alert began, and the Watchdog is there, so Prometheus does reach it. Whatever differs must differ twice in a
row.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping

from orchestrator.alerts.alertmanager import Alertmanager, AlertmanagerError, Known, Silence
from orchestrator.alerts.book import AlertBook, Findings, Muting
from orchestrator.alerts.model import AlertGroup
from orchestrator.errors import StoreError

log = logging.getLogger(__name__)

EVERY_S = 30.0
SETTLED_S = 240.0  # Prometheus repeats what fires each minute, and an alert of ours may have to hold for two before


class Reconciler:
    """Compares every `every` seconds. `receiver` is our name in Alertmanager, `watchdog` the alert that always fires.

    An Alertmanager that runs for less than `settled` seconds may not know what began before it; `believed` is
    `Presence.believed`. `now` gives seconds of the Unix epoch.
    """

    def __init__(
        self,
        alertmanager: Alertmanager,
        book: AlertBook,
        *,
        receiver: str,
        watchdog: str,
        believed: Callable[[float], bool],
        every: float = EVERY_S,
        settled: float = SETTLED_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._alertmanager = alertmanager
        self._book = book
        self._receiver = receiver
        self._watchdog = watchdog
        self._believed = believed
        self._every = every
        self._settled = settled
        self._now = now
        self._missing: frozenset[str] = frozenset()
        self._unheard: frozenset[str] = frozenset()
        self.problem = ""
        """Why it cannot be compared, in one line; empty while it can."""

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.compare()
                problem = ""
            except (AlertmanagerError, StoreError) as error:
                problem = str(error)
            if problem and problem != self.problem:
                log.warning("alerts cannot be compared with Alertmanager's: %s", problem)
            self.problem = problem

    async def compare(self) -> int:
        """Compare once; returns how many incidents changed. Raises AlertmanagerError and StoreError."""
        as_of = self._now()
        known = {each.alert.fingerprint: each for each in await self._alertmanager.alerts()}
        silences = {each.id: each for each in await self._alertmanager.silences()}
        started_at = await self._alertmanager.started_at()
        groups = await self._book.current()
        firing = {alert.fingerprint: alert for group in groups for alert in group.firing}

        oldest = -math.inf if as_of - started_at > self._settled else started_at
        alive = any(each.alert.name == self._watchdog for each in known.values())
        missing = frozenset(
            name
            for name, alert in firing.items()
            if alive and name not in known and alert.starts_at > oldest and self._believed(alert.starts_at)
        )
        unheard = frozenset(name for name, each in known.items() if name not in firing and self._is_told(each))
        twice_missing, twice_unheard = missing & self._missing, unheard & self._unheard
        self._missing, self._unheard = missing, unheard
        return await self._book.settle(
            Findings(
                as_of,
                ended=tuple(firing[fingerprint] for fingerprint in twice_missing),
                begun=tuple(known[fingerprint].alert for fingerprint in twice_unheard),
                mutings=dict(_mutings(groups, known, silences)),
            )
        )

    def _is_told(self, known: Known) -> bool:
        """True for an alert that Alertmanager has told us, or should have."""
        muted = known.silenced_by or known.inhibited
        return not muted and self._receiver in known.receivers and known.alert.name != self._watchdog


def _mutings(
    groups: Iterable[AlertGroup], known: Mapping[str, Known], silences: Mapping[str, Silence]
) -> Iterable[tuple[str, Muting]]:
    """Each incident with the silence that covers it: the one that lasts longest, if all of it is covered."""
    for group in groups:
        theirs = [known[alert.fingerprint] for alert in group.firing if alert.fingerprint in known]
        if not theirs:
            continue
        covering = [silences[name] for each in theirs for name in each.silenced_by if name in silences]
        if covering and all(each.silenced_by for each in theirs):
            last = max(covering, key=lambda silence: silence.ends_at)
            yield group.id, Muting(last.id, last.ends_at)
        else:
            yield group.id, Muting()
