"""``/op_stop``: free a port. Who would be ended is named, then it is asked, then all is looked at again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import last_words, show
from orchestrator.bot.message import Message
from orchestrator.bot.render import closing as render
from orchestrator.bot.render.closing_choices import Place
from orchestrator.bot.router import Handler
from orchestrator.control import ClosePort, Door, ListPorts, Passage, StopUnit, evidence
from orchestrator.errors import UsageError
from orchestrator.fleet import CloseOutcome, CloseState, Fleet, Inspection, Protocol, parse_port
from orchestrator.inventory import Host, HostSet, Inventory
from orchestrator.ssh.result import Status

USAGE = N_("<agent> <port>[/udp]")
PROTOCOLS: dict[str, Protocol] = {"tcp": "tcp", "udp": "udp"}


class Closing:
    """Closes ports for the chat. `list_ports` shows the ports of a request's host, to choose one."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        fleet: Fleet,
        door: Door,
        catalogues: Catalogues,
        list_ports: Handler,
    ) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._door = door
        self._catalogues = catalogues
        self._list_ports = list_ports

    async def op_stop(self, request: Request) -> None:
        """``/op_stop <agent> <port>[/udp]``; without a host or a port, its ports are shown to choose from."""
        locale = self._catalogues.locale(request.language)
        _ = locale.gettext
        words = request.text.split(maxsplit=1)
        if len(words) < 2:
            await self._list_ports(request)
            return
        hosts = self._inventory().select(words[0])
        port, protocol = parse_port(words[1])
        if len(hosts) > 1:
            what = _("{pattern} means {n} hosts").format(pattern=words[0], n=len(hosts))
            raise UsageError(what, remedy=_("A port is closed on one host at a time."))
        await self._ask(request, hosts[0], port, protocol)

    async def ask(self, request: Request) -> None:
        """[✖ 8080] in a list of ports: the question comes as a new message, the list stays."""
        host, place = self._meant(request)
        await self._ask(request, host, place.port, place.protocol)

    async def close(self, request: Request) -> None:
        """[Close it]."""
        host, place = self._meant(request)
        named = frozenset((request.args or {})["targets"].split(" "))
        async with self._door.open(
            request.actor, ClosePort(host, place.port, place.protocol), confirmed=True
        ) as passage:
            await self._carry_out(partial(self._close_named, host, place, named), place, request, passage)

    async def stop_unit(self, request: Request) -> None:
        """[Stop nginx.service]."""
        host, place = self._meant(request)
        unit = (request.args or {})["unit"]
        action = StopUnit(host, unit, place.port, place.protocol)
        async with self._door.open(request.actor, action, confirmed=True) as passage:
            work = partial(self._fleet.stop_unit, host, unit, place.port, place.protocol)
            await self._carry_out(work, place, request, passage)

    async def keep(self, request: Request) -> None:
        """[Keep]."""
        _, place = self._meant(request)
        await show(request.chat, render.kept(place, self._catalogues.locale(request.language)), request.message_id)

    def _meant(self, request: Request) -> tuple[Host, Place]:
        """What a button is about; UnknownHost when the host has left the inventory since."""
        args = request.args or {}
        host = self._inventory().host(args["host"])
        return host, Place(host.name, int(args["port"]), PROTOCOLS[args["protocol"]])

    async def _close_named(self, host: Host, place: Place, named: frozenset[str]) -> CloseOutcome:
        """Close only if what holds the port is exactly what was named."""
        inspection = await self._fleet.inspect(host, place.port, place.protocol)
        if inspection.status is not Status.OK:
            return CloseOutcome(host.name, CloseState.NOT_DONE, inspection.detail)
        if {target.argument for target in inspection.targets} == named:
            return await self._fleet.close(host, inspection.targets)
        free = "" if inspection.ports else "; the port is free already"
        detail = f"what held the port is no longer what was shown{free}"
        return CloseOutcome(host.name, CloseState.CHANGED, detail, now=inspection.ports)

    async def _carry_out(
        self, work: Callable[[], Awaitable[CloseOutcome]], place: Place, request: Request, passage: Passage
    ) -> None:
        locale = self._catalogues.locale(request.language)
        try:
            await show(request.chat, render.working(place, locale), request.message_id)
            outcome = await work()
        except BaseException:
            cut_off = CloseOutcome(place.host, CloseState.UNKNOWN)
            await last_words(request, render.outcome(cut_off, place, locale), request.message_id)
            raise
        passage.record(evidence.of_closing(outcome))
        await show(request.chat, render.outcome(outcome, place, locale), request.message_id)

    async def _ask(self, request: Request, host: Host, port: int, protocol: Protocol | None) -> None:
        async with self._door.open(request.actor, ListPorts(HostSet([host]))) as passage:
            inspection = await self._fleet.inspect(host, port, protocol)
            passage.record(evidence.of_answers([inspection]))
        await request.chat.send(self._question(inspection, request))

    def _question(self, inspection: Inspection, request: Request) -> Message:
        locale = self._catalogues.locale(request.language)
        if len({each.protocol for each in inspection.ports}) > 1:
            return render.which(inspection, locale)
        unseen = any(not each.processes for each in inspection.ports)
        if not inspection.targets or unseen or any(target.protected for target in inspection.targets):
            return render.cannot(inspection, locale)
        return render.question(inspection, inspection.targets, locale)
