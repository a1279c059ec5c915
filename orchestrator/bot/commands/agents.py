"""``/agents``: every host, how it is and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues
from orchestrator.bot.live import Live, show
from orchestrator.bot.message import Message
from orchestrator.bot.render import hosts as render
from orchestrator.control import Door, Reconnect, ShowHosts, evidence
from orchestrator.fleet import Fleet, VitalsAnswer
from orchestrator.inventory import Host, HostSet, Inventory
from orchestrator.monitor.query import USUAL
from orchestrator.readings import Readings
from orchestrator.ssh.result import Status
from orchestrator.ssh.state import HostState, Phase

WAIT_S = 12.0  # just above the 10 s that a connect may take, so that its reason is still heard
FRESH_S = 60.0  # turning a page asks nobody again within this time


class Agents:
    """Lists hosts.

    `state` gives a host's connection, `retry` tries a parked one again; `monotonic` gives seconds of a clock that never
    jumps.
    """

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        state: Callable[[Host], HostState],
        fleet: Fleet,
        door: Door,
        catalogues: Catalogues,
        *,
        readings: Readings,
        retry: Callable[[Host], Awaitable[None]],
        monotonic: Callable[[], float] = time.monotonic,
        wait: float = WAIT_S,
    ) -> None:
        self._inventory = inventory
        self._state = state
        self._retry = retry
        self._fleet = fleet
        self._readings = readings
        self._door = door
        self._catalogues = catalogues
        self._monotonic = monotonic
        self._wait = wait
        self._answers: dict[str, VitalsAnswer] = {}
        self._asked_at = float("-inf")
        self._asked = datetime.now(UTC)

    async def agents(self, request: Request) -> None:
        """``/agents``: what is known at once, then numbers as hosts answer."""
        await self._ask(request)

    async def refresh(self, request: Request) -> None:
        """[↻]: in place."""
        await self._ask(request)

    async def retry(self, request: Request) -> None:
        """[Try parked hosts again]: a person acted on why they were refused, and says so."""
        parked = HostSet(host for host in self._hosts() if self._state(host).phase is Phase.PARKED)
        if parked:
            async with self._door.open(request.actor, Reconnect(parked)) as passage:
                for host in parked:
                    await self._retry(host)
                passage.record({"status": "ok"})
        await self._ask(request)

    async def show(self, request: Request) -> None:
        """Another page, or [Problems only]: from the last answers, unless they are old."""
        hosts = self._hosts()
        if self._monotonic() - self._asked_at > FRESH_S or any(host.name not in self._answers for host in hosts):
            await self._ask(request)
            return
        await show(request.chat, self._draw(request, hosts, self._answers, complete=True), request.message_id)

    def _hosts(self) -> HostSet:
        inventory = self._inventory()
        return HostSet([inventory.server]) | inventory.hosts

    async def _ask(self, request: Request) -> None:
        hosts = self._hosts()
        answers: dict[str, VitalsAnswer] = {}
        async with self._door.open(request.actor, ShowHosts(hosts)) as passage:
            live = Live(
                request.chat,
                lambda: self._draw(request, hosts, answers, complete=False),
                message_id=request.message_id,
            )
            asking = asyncio.create_task(self._collect(hosts, answers, live))
            try:
                async with live:
                    await asyncio.wait({asking}, timeout=self._wait)
                for host in hosts:
                    late = VitalsAnswer(host.name, Status.CANCELLED, detail=f"no answer within {self._wait:g} s")
                    answers.setdefault(host.name, late)
                self._answers, self._asked_at, self._asked = dict(answers), self._monotonic(), datetime.now(UTC)
                await show(request.chat, self._draw(request, hosts, self._answers, complete=True), live.message_id)
                passage.record(evidence.of_answers(self._answers.values()))
            finally:
                asking.cancel()
                await asyncio.wait({asking})
            if not asking.cancelled():
                asking.result()

    async def _collect(self, hosts: HostSet, answers: dict[str, VitalsAnswer], live: Live) -> None:
        """From Prometheus, which has it already, of hosts that are connected; the others are asked."""
        connected = HostSet(host for host in hosts if host.local or self._state(host).phase is Phase.UP)
        answers.update(await self._readings.vitals(connected) if connected else {})
        live.changed()
        asked = HostSet(host for host in hosts if host.name not in answers)
        async with aclosing(self._fleet.vitals(asked)) as stream:
            async for answer in stream:
                answers[answer.host] = answer
                live.changed()

    def _limits(self, host: Host) -> tuple[float, float, float]:
        cpu, memory, disk = (self._readings.limit(host, metric).value for metric in USUAL)
        return cpu, memory, disk

    def _draw(self, request: Request, hosts: HostSet, answers: dict[str, VitalsAnswer], *, complete: bool) -> Message:
        args = request.args or {}
        return render.hosts(
            [
                render.HostView(host.name, self._state(host), self._limits(host), answers.get(host.name))
                for host in hosts
            ],
            self._catalogues.locale(request.language),
            page=int(args.get("page", "0")),
            only=bool(args.get("only")),
            complete=complete,
            now=self._asked if complete else datetime.now(UTC),
        )
