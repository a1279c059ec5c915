"""``/host_add /host_set /host_remove``: the inventory, edited from the chat as by hand and by the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from orchestrator.bot.commands.hostform import HostForm
from orchestrator.bot.commands.hostwriting import HostWriter
from orchestrator.bot.conversation import Request
from orchestrator.bot.hostchange import HostChange, parse_line, refuse_name
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import hostediting as render
from orchestrator.bot.render.picker import pick_host
from orchestrator.control import Door, ForgetKey
from orchestrator.inventory import Host, Inventory
from orchestrator.ssh import Phase, Trust
from orchestrator.ssh.state import HostState
from orchestrator.ssh.trust import known_name

ADD_USAGE = N_("<name> <address> [port=22 user=ops groups=web]")
SET_USAGE = N_("<name> port=2222 [user=ops ...]")
REMOVE_USAGE = N_("<name>")


class HostEditing:
    """The commands that edit the inventory. `state` gives a host's connection; `form` asks for what was not typed."""

    def __init__(
        self,
        *,
        inventory: Callable[[], Inventory],
        writer: HostWriter,
        trust: Trust,
        state: Callable[[Host], HostState],
        door: Door,
        catalogues: Catalogues,
        form: HostForm,
    ) -> None:
        self._inventory = inventory
        self._writer = writer
        self._trust = trust
        self._state = state
        self._door = door
        self._catalogues = catalogues
        self._form = form

    async def add(self, request: Request) -> None:
        """``/host_add <name> <address> [NAME=VALUE ...]``; what is missing is asked for."""
        change = parse_line("add", request.text)
        if change.name:
            refuse_name(change.name, self._inventory())
        if change.name and change.variables:
            await self._writer.carry_out(request, change)
        else:
            await self._form.begin(request, change)

    async def set(self, request: Request) -> None:
        """``/host_set <name> NAME=VALUE ...``; without values they are asked for, without a name it is, too."""
        change = parse_line("set", request.text)
        if not change.name:
            await self._pick(request, "host_set", SET_USAGE, "form.set")
        elif change.variables:
            await self._writer.carry_out(request, change)
        else:
            host = self._inventory().host(change.name)
            await self._form.begin(request, HostChange("set", host.name))

    async def remove(self, request: Request) -> None:
        """``/host_remove <name>``: asks first, and says what is lost."""
        if not request.text.strip():
            await self._pick(request, "host_remove", REMOVE_USAGE, "host.ask_removal")
            return
        await self._ask_removal(request, self._inventory().host(request.text.strip()))

    async def ask_removal(self, request: Request) -> None:
        """[a host] of those that may be removed."""
        await self._ask_removal(request, self._inventory().host((request.args or {})["host"]))

    async def removal(self, request: Request) -> None:
        """[Remove it]."""
        host = self._inventory().host((request.args or {})["host"])
        await self._writer.write(request, HostChange("remove", host.name))
        pins = 0
        if not self._shares_its_keys(host):
            async with self._door.open(request.actor, ForgetKey(host)) as passage:
                pins = await asyncio.to_thread(self._trust.forget, host)
                passage.record({"status": "ok", "lines": pins})
        message = render.removed(host.name, pins, self._catalogues.locale(request.language))
        await show(request.chat, message, request.message_id)

    async def keep(self, request: Request) -> None:
        """[Keep]."""
        message = render.kept((request.args or {})["host"], self._catalogues.locale(request.language))
        await show(request.chat, message, request.message_id)

    async def _ask_removal(self, request: Request, host: Host) -> None:
        # Worked out before it is asked: what cannot be done is not offered.
        await self._writer.work_out(HostChange("remove", host.name))
        locale = self._catalogues.locale(request.language)
        _ = locale.gettext
        lost = []
        groups = [group for group in host.groups if group not in ("all", "ungrouped")]
        if groups:
            lost.append(_("It leaves {groups}.").format(groups=", ".join(groups)))
        if self._state(host).phase is Phase.UP:
            lost.append(_("Its connection is closed when its work is done."))
        pins = len(self._trust.lookup(host).keys)
        if pins and not self._shares_its_keys(host):
            count = locale.ngettext("{n} pinned host key is forgotten.", "{n} pinned host keys are forgotten.", pins)
            lost.append(count.format(n=pins))
        if "bootstrap_user" in host.vars:
            what = _("It was bootstrapped: to undo that, first run: orchestrator retire {host}")
            lost.append(what.format(host=host.name))
        await request.chat.send(render.removal(host, lost, locale))

    def _shares_its_keys(self, host: Host) -> bool:
        """True when another host is reached at the same place, so that its pins are that one's, too."""
        place = known_name(host)
        return any(other.name != host.name and known_name(other) == place for other in self._inventory().hosts)

    async def _pick(self, request: Request, command: str, usage: str, verb: str) -> None:
        locale = self._catalogues.locale(request.language)
        line = f"/{command} {locale.gettext(usage)}"
        await request.chat.send(pick_host(self._inventory().hosts, verb, line, locale))
