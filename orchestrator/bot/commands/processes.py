"""``/top``: what keeps hosts busy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from orchestrator.bot.commands.named import named
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import processes as render
from orchestrator.bot.render.picker import pick_host
from orchestrator.control import Door, ListProcesses, evidence
from orchestrator.fleet import By, Fleet
from orchestrator.inventory import HostSet, Inventory

USAGE = N_("<agent>")


class Processes:
    """Shows the busiest processes."""

    def __init__(self, inventory: Callable[[], Inventory], fleet: Fleet, door: Door, catalogues: Catalogues) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._door = door
        self._catalogues = catalogues

    async def top(self, request: Request) -> None:
        """``/top <agent>``; without one, it is asked for."""
        inventory, pattern = self._inventory(), request.text.strip()
        if not pattern:
            locale = self._catalogues.locale(request.language)
            hosts = HostSet([inventory.server]) | inventory.hosts
            await request.chat.send(pick_host(hosts, "top.show", f"/top {locale.gettext(USAGE)}", locale))
            return
        await self._show(request, inventory.select(pattern), By.CPU)

    async def show(self, request: Request) -> None:
        """[↻], [By memory], a host that was picked; under an alert, in a message of its own."""
        args = request.args or {}
        if "under" in args:
            request = replace(request, message_id=None)
        await self._show(request, named(request, self._inventory()), By(args.get("by", By.CPU)))

    async def _show(self, request: Request, hosts: HostSet, by: By) -> None:
        async with self._door.open(request.actor, ListProcesses(hosts)) as passage:
            async with aclosing(self._fleet.top(hosts)) as stream:
                answers = [answer async for answer in stream]
            passage.record(evidence.of_answers(answers))
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.top(answers, hosts, by, locale), request.message_id)
