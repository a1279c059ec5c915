"""The way of an alert from Alertmanager into the book, and whether that way works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.alerts import presence, reconcile, watchdog
from orchestrator.alerts.alertmanager import Alertmanager, AlertmanagerError
from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.presence import Presence
from orchestrator.alerts.reconcile import Reconciler
from orchestrator.alerts.watchdog import Fault, Part, Watchdog
from orchestrator.store import Outbox, Preferences

if TYPE_CHECKING:
    from aiohttp import web

    from orchestrator.alerts.receive import Receiver


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, as the modules of the same names explain them."""

    silent_after: float = watchdog.SILENT_AFTER_S
    look: float = watchdog.LOOK_S
    compare_every: float = reconcile.EVERY_S
    settled: float = reconcile.SETTLED_S
    away_after: float = presence.AWAY_AFTER_S
    steady_after: float = presence.STEADY_AFTER_S


class Pipeline:
    """Receives, compares and watches.

    `watchdog` is the name of the alert that always fires, `receiver` ours in Alertmanager. `own_prometheus` is True
    where Prometheus is run by us, so that we know when to expect it; `fault` is what is known to be wrong with those
    that we run.
    """

    def __init__(
        self,
        book: AlertBook,
        alertmanager: Alertmanager,
        outbox: Outbox,
        memory: Preferences,
        *,
        watchdog: str,
        receiver: str,
        own_prometheus: bool,
        fault: Callable[[], Fault | None],
        timing: Timing = Timing(),
    ) -> None:
        self._book = book
        self._alertmanager = alertmanager
        self._name = watchdog
        self._fault = fault
        self._receiver: Receiver | None = None
        self.running = False
        """True while it is watched."""
        self.crashed = False
        """True when it was watched, and something of us ended that."""
        self.presence = Presence(
            expected=own_prometheus, away_after=timing.away_after, steady_after=timing.steady_after
        )
        self.watchdog = Watchdog(outbox, memory, self._diagnose, silent_after=timing.silent_after, look=timing.look)
        self.reconciler = Reconciler(
            alertmanager,
            book,
            receiver=receiver,
            watchdog=watchdog,
            believed=self.presence.believed,
            every=timing.compare_every,
            settled=timing.settled,
        )

    def routes(self, token: str) -> list[web.RouteDef]:
        """For the server on LISTEN; `token` is what Alertmanager must show."""
        from orchestrator.alerts.receive import Receiver  # aiohttp takes 0.1 s to import

        self._receiver = Receiver(
            self._book,
            token,
            watchdog=self._name,
            heard=self.watchdog.heard,
            believed=self.presence.believed,
        )
        return self._receiver.routes

    async def run(self) -> None:
        """Compare and watch until cancelled."""
        self.running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.watchdog.run())
                tasks.create_task(self.reconciler.run())
        except asyncio.CancelledError:
            raise
        except BaseException:
            self.crashed = True
            raise
        finally:
            self.running = False

    async def _diagnose(self) -> Fault:
        """Which part of the way fails: the first, from the rule to us."""
        if fault := self._fault():
            return fault
        try:
            known = await self._alertmanager.alerts()
        except AlertmanagerError as error:
            return Fault(Part.ALERTMANAGER, str(error))
        if self.presence.away:
            return Fault(Part.PROMETHEUS, "it does not ask for our figures any more")
        watchdogs = [each for each in known if each.alert.name == self._name]
        if not watchdogs:
            return Fault(Part.RULES, f"Alertmanager at {self._alertmanager.address} has no {self._name}")
        if all(each.silenced_by for each in watchdogs):
            return Fault(Part.ALERTMANAGER, f"a silence covers the {self._name}")
        said = self._receiver.problem if self._receiver else ""
        return Fault(Part.WEBHOOK, said or f"nothing comes from {self._alertmanager.address}")
