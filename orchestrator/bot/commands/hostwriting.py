"""A change of the inventory that the chat asked for: worked out, audited, written, in force, shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.bot.conversation import Request
from orchestrator.bot.hostchange import HostChange
from orchestrator.bot.language import Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import hostediting as render
from orchestrator.control import Door, EditInventory
from orchestrator.inventory import Inventory
from orchestrator.inventory.edit import Edit, Editor
from orchestrator.ssh import Trust


class HostWriter:
    """Makes changes. `refresh` puts what is in the files into force at once."""

    def __init__(
        self,
        *,
        inventory: Callable[[], Inventory],
        editor: Editor,
        refresh: Callable[[], Awaitable[None]],
        trust: Trust,
        door: Door,
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._editor = editor
        self._refresh = refresh
        self._trust = trust
        self._door = door
        self._catalogues = catalogues

    async def work_out(self, change: HostChange) -> Edit:
        """What a change would come to; nothing is written. Raises what is wrong with it."""
        return await asyncio.to_thread(change.work_out, self._editor)

    async def write(self, request: Request, change: HostChange) -> Edit:
        """Make a change, through the door."""
        edit = await self.work_out(change)
        if not edit.diff:
            return edit
        async with self._door.open(request.actor, EditInventory(change.sentence)) as passage:
            await asyncio.to_thread(self._editor.write, edit)
            passage.record({"status": "ok", "file": edit.label})
        await self._refresh()
        return edit

    async def carry_out(self, request: Request, change: HostChange) -> None:
        """Make a change and show what came of it, in the message that was tapped, else in a new one."""
        old = set(self._inventory().warnings)
        edit = await self.write(request, change)
        locale = self._catalogues.locale(request.language)
        if change.verb == "add":
            host = edit.inventory.host(change.name)
            trusted = host.local or bool(self._trust.lookup(host))
            doubts = [warning for warning in edit.inventory.warnings if warning not in old]
            message = render.added(host, doubts, locale, trusted=trusted)
        else:
            message = render.changed(change.name, edit.diff, locale)
        await show(request.chat, message, request.message_id)
