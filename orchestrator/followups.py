"""What follows an alert that has just begun: what kept its host busy at that moment, and the chart of what is high.

Both are replies to the alert's message and go out when no text waits any more. They are for one alert that somebody
will look at: when many begin at once there are none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from orchestrator.alerts.book import LETTER, Route
from orchestrator.alerts.model import AlertGroup
from orchestrator.errors import StoreError
from orchestrator.fleet import By, Fleet, TopAnswer
from orchestrator.inventory import Host, HostSet, Inventory
from orchestrator.monitor.query import CHARTED
from orchestrator.ssh.result import Status
from orchestrator.store import Letter, Outbox, Priority

log = logging.getLogger(__name__)

TOP, CHART = "alert.top", "alert.chart"
"""Kinds of letters: ``{"host", "at", "processes": [{"name", "user", "cpu", "memory"}]}``, busiest first, `cpu` a ratio
of one core, `memory` in bytes; and ``{"host", "metric"}``.
"""

BUSY = {"cpu": By.CPU, "load": By.CPU, "mem": By.MEMORY}  # metrics that processes explain
FRESH_S = 120.0  # later, what runs now says nothing of why it began
TOP_WITHIN_S = 15.0
MOST_AT_ONCE = 5  # incidents that begin within AT_ONCE_S
AT_ONCE_S = 30.0
MOST_PROCESSES = 5
LOOK_AGAIN_S = 10.0


class FollowUps:
    """Watches the outbox for alerts that begin. `route` gives the chats that hear of them."""

    def __init__(self, outbox: Outbox, fleet: Fleet, inventory: Callable[[], Inventory], route: Route) -> None:
        self._outbox = outbox
        self._fleet = fleet
        self._inventory = inventory
        self._route = route
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: list[float] = []

    async def run(self) -> None:
        """Watch until cancelled. What has begun while nobody watched is followed, too, if that is not long ago."""
        last: int | None = None
        try:
            while True:
                try:
                    last = await self._outbox.newest(time.time() - FRESH_S) if last is None else last
                    await self._outbox.arrival()
                    letters = await self._outbox.since(last)
                except StoreError as error:
                    log.warning("alerts are told without what kept their hosts busy: %s", error)
                    await asyncio.sleep(LOOK_AGAIN_S)
                    continue
                if letters:
                    last = letters[-1].id
                    self._follow(letters)
        finally:
            for task in self._tasks:
                task.cancel()

    def _follow(self, letters: Sequence[Letter]) -> None:
        groups = [group for letter in letters if letter.kind == LETTER and (group := _begun(letter))]
        now = time.monotonic()
        self._begun = [at for at in self._begun if at > now - AT_ONCE_S] + [now] * len(groups)
        if len(self._begun) > MOST_AT_ONCE:
            log.info("%d alerts at once: they are told without charts", len(self._begun))
            return
        for group in groups:
            inventory = self._inventory()
            if group.host in inventory.hosts or group.host == inventory.server.name:
                task = asyncio.create_task(self._follow_up(group, inventory.host(group.host)))
                self._tasks.add(task)
                task.add_done_callback(self._ended)

    async def _follow_up(self, group: AlertGroup, host: Host) -> None:
        metric = group.alerts[0].metric
        if metric in CHARTED:
            await self._put(CHART, group, {"host": host.name, "metric": metric}, Priority.INFO)
        if metric in BUSY and (answer := await self._top(host)):
            processes = [
                {"name": each.name, "user": each.user, "cpu": each.cpu, "memory": each.memory_bytes}
                for each in answer.by(BUSY[metric])[:MOST_PROCESSES]
            ]
            if processes:
                told = {"host": host.name, "at": time.time(), "processes": processes}
                await self._put(TOP, group, told, Priority.WARNING)

    async def _top(self, host: Host) -> TopAnswer | None:
        try:
            async with asyncio.timeout(TOP_WITHIN_S), aclosing(self._fleet.top(HostSet([host]))) as stream:
                async for answer in stream:
                    if answer.status is Status.OK:
                        return answer
                    log.info("%s does not say what keeps it busy: %s", host.name, answer.detail or answer.status)
        except TimeoutError:
            log.info("%s does not say what keeps it busy within %g s", host.name, TOP_WITHIN_S)
        return None

    async def _put(self, kind: str, group: AlertGroup, payload: dict[str, Any], priority: Priority) -> None:
        await self._outbox.add(
            kind,
            payload,
            key=f"{kind} {group.id}",
            thread=group.thread,
            reply=True,
            priority=priority,
            targets=self._route(group.host, group.severity),
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an alert is told without what kept its host busy", exc_info=error)


def _begun(letter: Letter) -> AlertGroup | None:
    """The incident of a letter, if it has just begun."""
    group = AlertGroup.from_json(letter.payload)
    return group if group.firing and letter.put_at.timestamp() - group.since < FRESH_S else None
