"""``/op_port``: who listens where."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

from orchestrator.bot.commands.named import page_of
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import Live, show
from orchestrator.bot.render import ports as render
from orchestrator.bot.render.picker import pick_host
from orchestrator.control import Door, ListPorts, evidence
from orchestrator.fleet import Fleet, PortsAnswer
from orchestrator.inventory import Host, HostSet, Inventory

USAGE = N_("<agent>")


class Ports:
    """Lists listening ports."""

    def __init__(self, inventory: Callable[[], Inventory], fleet: Fleet, door: Door, catalogues: Catalogues) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._door = door
        self._catalogues = catalogues

    async def op_port(self, request: Request) -> None:
        """``/op_port <agent>``; without one, it is asked for."""
        inventory, pattern = self._inventory(), request.text.strip()
        if not pattern:
            locale = self._catalogues.locale(request.language)
            hosts = HostSet([inventory.server]) | inventory.hosts
            usage = f"/op_port {locale.gettext(USAGE)}"
            await request.chat.send(pick_host(hosts, "ports.show", usage, locale))
            return
        hosts = inventory.select(pattern)
        if len(hosts) == 1:
            await self._one(request, hosts[0], page=0)
        else:
            await self._many(request, hosts)

    async def show(self, request: Request) -> None:
        """[↻], a page, or a host that was picked."""
        args = request.args or {}
        await self._one(request, self._inventory().host(args["host"]), page=page_of(request))

    async def _one(self, request: Request, host: Host, *, page: int) -> None:
        locale = self._catalogues.locale(request.language)
        async with self._door.open(request.actor, ListPorts(HostSet([host]))) as passage:
            async with aclosing(self._fleet.ports([host])) as stream:
                answers = [answer async for answer in stream]
            passage.record(evidence.of_answers(answers))
        # The way in is never offered to be closed (and the host refuses, too).
        spared = frozenset() if host.local else frozenset({host.port})
        await show(request.chat, render.ports(answers[0], page, spared, locale), request.message_id)

    async def _many(self, request: Request, hosts: HostSet) -> None:
        locale = self._catalogues.locale(request.language)
        answers: list[PortsAnswer] = []
        async with self._door.open(request.actor, ListPorts(hosts)) as passage:
            live = Live(request.chat, lambda: render.ports_of_many(answers, len(hosts) - len(answers), locale))
            async with live, aclosing(self._fleet.ports(hosts)) as stream:
                async for answer in stream:
                    answers.append(answer)
                    live.changed()
            passage.record(evidence.of_answers(answers))
        place = {name: number for number, name in enumerate(hosts.names)}
        answers.sort(key=lambda answer: place[answer.host])
        await show(request.chat, render.ports_of_many(answers, 0, locale), live.message_id)
