"""``/block`` and ``/unblock``: drop what comes from an address, after a question, and take it again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from orchestrator.bot.commands.named import named, page_of
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import last_words, show
from orchestrator.bot.render import blocking as render
from orchestrator.bot.render.picker import pick_host
from orchestrator.control import BlockAddress, Door, ListBlocks, Passage, UnblockAddress, evidence
from orchestrator.errors import UsageError
from orchestrator.fleet import BlockOutcome, Fleet, behind, parse_duration, parse_network, said
from orchestrator.inventory import HostSet, Inventory

USAGE = N_("<agent> <ip> [1h|24h|permanent]")
UNBLOCK_USAGE = N_("<agent> <ip>")
PERMANENT = "permanent"


class Blocking:
    """Blocks addresses for the chat, and lifts that."""

    def __init__(self, inventory: Callable[[], Inventory], fleet: Fleet, door: Door, catalogues: Catalogues) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._door = door
        self._catalogues = catalogues

    async def block(self, request: Request) -> None:
        """``/block <agent> <ip> [<time>]``; without a time it is asked for; without an address, the list is shown."""
        locale = self._catalogues.locale(request.language)
        words = request.text.split()
        if not words:
            hosts = HostSet([self._inventory().server]) | self._inventory().hosts
            await request.chat.send(pick_host(hosts, "block.list", f"/block {locale.gettext(USAGE)}", locale))
            return
        hosts = self._inventory().select(words[0])
        if len(words) == 1:
            await self._list(request, hosts)
            return
        if len(words) > 3:
            raise UsageError(locale.gettext("that is too much"), remedy=f"/block {locale.gettext(USAGE)}")
        time = words[2].lower() if len(words) == 3 else ""
        if time and time != PERMANENT:
            time = f"{parse_duration(time)}s"
        await request.chat.send(render.question(hosts, parse_network(words[1]), time, locale))

    async def unblock(self, request: Request) -> None:
        """``/unblock <agent> <ip>``; without an address, those that are blocked are shown to choose from."""
        locale = self._catalogues.locale(request.language)
        words = request.text.split()
        if len(words) < 2:
            await self.block(request)
            return
        if len(words) > 2:
            raise UsageError(locale.gettext("that is too much"), remedy=f"/unblock {locale.gettext(UNBLOCK_USAGE)}")
        await self._lift(request, self._inventory().select(words[0]), words[1])

    async def ask(self, request: Request) -> None:
        """[Block address] under a message about that address: `hosts` and `address`, perhaps a `time`."""
        args = request.args or {}
        hosts, network = named(request, self._inventory()), parse_network(args["address"])
        locale = self._catalogues.locale(request.language)
        await request.chat.send(render.question(hosts, network, args.get("time", ""), locale))

    async def do(self, request: Request) -> None:
        """[Block it], [1 h], [24 h], [For good]."""
        args = request.args or {}
        inventory = self._inventory()
        hosts, network = named(request, inventory), parse_network(args["address"])
        seconds = None if args["time"] == PERMANENT else parse_duration(args["time"])
        through = behind([inventory.server, *inventory.hosts])
        action = BlockAddress(hosts, said(network), seconds)
        async with self._door.open(request.actor, action, confirmed=True) as passage:
            stream = self._fleet.block(hosts, network, seconds, behind=through)
            await self._carry_out(request, passage, hosts, said(network), stream, blocks=True)

    async def keep(self, request: Request) -> None:
        """[Leave it]."""
        hosts, address = named(request, self._inventory()), (request.args or {})["address"]
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.left(hosts, address, locale), request.message_id)

    async def undo(self, request: Request) -> None:
        """[Unblock]."""
        await self._lift(request, named(request, self._inventory()), (request.args or {})["address"])

    async def list(self, request: Request) -> None:
        """[↻], a page, or a host that was picked."""
        await self._list(request, named(request, self._inventory()), page_of(request))

    async def _lift(self, request: Request, hosts: HostSet, address: str) -> None:
        network = parse_network(address)
        async with self._door.open(request.actor, UnblockAddress(hosts, said(network))) as passage:
            stream = self._fleet.unblock(hosts, network)
            await self._carry_out(request, passage, hosts, said(network), stream, blocks=False)

    async def _carry_out(
        self,
        request: Request,
        passage: Passage,
        hosts: HostSet,
        address: str,
        stream: AsyncGenerator[BlockOutcome],
        *,
        blocks: bool,
    ) -> None:
        locale = self._catalogues.locale(request.language)
        outcomes: list[BlockOutcome] = []
        try:
            async with aclosing(stream):
                async for outcome in stream:
                    outcomes.append(outcome)
                    passage.record(evidence.of_blocking(outcomes))
        except BaseException:
            cut_off = render.outcome(outcomes, hosts, address, locale, blocks=blocks)
            await last_words(request, cut_off, request.message_id)
            raise
        message = render.outcome(outcomes, hosts, address, locale, blocks=blocks)
        await show(request.chat, message, request.message_id)

    async def _list(self, request: Request, hosts: HostSet, page: int = 0) -> None:
        async with self._door.open(request.actor, ListBlocks(hosts)) as passage:
            async with aclosing(self._fleet.blocks(hosts)) as stream:
                found = {answer.host: answer async for answer in stream}
            passage.record(evidence.of_answers(found.values()))
        ordered = [found[name] for name in hosts.names if name in found]
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.blocked(ordered, hosts, locale, page=page), request.message_id)
