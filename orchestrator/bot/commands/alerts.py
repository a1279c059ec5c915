"""``/alerts`` and the buttons under an alert."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.alerts.alertmanager import Alertmanager, matchers_of
from orchestrator.alerts.book import AlertBook, Muting
from orchestrator.alerts.model import AlertGroup
from orchestrator.alerts.watchdog import Watchdog
from orchestrator.bot.alertview import AlertView
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import alertlists
from orchestrator.bot.render.alertlists import View
from orchestrator.control import Acknowledge, Actor, Door, ShowHosts, Silence
from orchestrator.errors import UsageError
from orchestrator.inventory import HostSet, Inventory
from orchestrator.settings import ChatTarget

USAGE = N_("[<agent>]")


class Alerts:
    """Shows what fires, and acts on it."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        book: AlertBook,
        alertmanager: Alertmanager,
        door: Door,
        *,
        watchdog: Watchdog,
        view: AlertView,
        end_silence: Callable[[Actor, str], Awaitable[None]],
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._book = book
        self._alertmanager = alertmanager
        self._watchdog = watchdog
        self._view = view
        self._door = door
        self._end_silence = end_silence
        self._catalogues = catalogues

    async def alerts(self, request: Request) -> None:
        """``/alerts [<agent>]``: what fires now, the worst first."""
        await self._list(request, View(agent=request.text.strip()))

    async def show(self, request: Request) -> None:
        """[↻], a page, or those of one name; under a digest, in a message of its own."""
        args = request.args or {}
        if "under" in args:
            request = replace(request, message_id=None)
        await self._list(request, View(args.get("name", ""), args.get("agent", ""), int(args.get("page", "0"))))

    async def open(self, request: Request) -> None:
        """One of the list, as a message of its own."""
        await self._show(request, await self._group(request), None)

    async def acknowledge(self, request: Request) -> None:
        """[I look after it]."""
        group = await self._group(request)
        async with self._door.open(request.actor, Acknowledge(self._hosts(group), _what(group))) as passage:
            changed = await self._book.acknowledge(group.id, request.actor.name)
            passage.record({"status": "ok" if changed else "gone"})
        await self._show_change(request, group)

    async def mute(self, request: Request) -> None:
        """[🔕 1 h]: no more of this alert of this host for a while."""
        group, now = await self._group(request), time.time()
        end = now + float((request.args or {})["seconds"])
        matchers = matchers_of(group)
        told = ", ".join(map(str, matchers))
        async with self._door.open(request.actor, Silence(self._hosts(group), told, now, end)) as passage:
            silence = await self._alertmanager.silence(matchers, now, end, request.actor.name, "")
            passage.record({"status": "ok", "silence": silence})
            await self._book.mute(group.id, Muting(silence, end))
        await self._show_change(request, group)

    async def unmute(self, request: Request) -> None:
        """[Undo mute]: ends the silence, whoever began it."""
        group = await self._group(request)
        await self._end_silence(request.actor, group.silence)
        await self._show_change(request, group)

    async def _list(self, request: Request, view: View) -> None:
        inventory = self._inventory()
        hosts = inventory.select(view.agent) if view.agent else None
        async with self._door.open(request.actor, ShowHosts(hosts or inventory.hosts)) as passage:
            found = [group for group in await self._book.current() if hosts is None or group.host in hosts.names]
            passage.record({"firing": len(found)})
        locale = self._catalogues.locale(request.language)
        message = alertlists.firing(found, view, self._watchdog, datetime.now(UTC), locale)
        await show(request.chat, message, request.message_id)

    async def _group(self, request: Request) -> AlertGroup:
        group = await self._book.group(_argument(request.args, "id"))
        if group is None:
            raise UsageError("this alert is not known any more", remedy="/alerts lists what fires now.")
        return group

    async def _show_change(self, request: Request, before: AlertGroup) -> None:
        """Show what was done, unless the button was that of the incident's own message, which is told by itself."""
        now = await self._group(request)
        own = await self._book.message(now, ChatTarget(request.chat_id, request.topic_id))
        if now == before or own is None or own != request.message_id:
            await self._show(request, now, request.message_id)

    async def _show(self, request: Request, group: AlertGroup, message_id: int | None) -> None:
        locale = self._catalogues.locale(request.language)
        await show(request.chat, await self._view.draw(group, locale), message_id)

    def _hosts(self, group: AlertGroup) -> HostSet:
        """The host it is about, if it is one of ours."""
        inventory = self._inventory()
        return inventory.select(group.host) if group.host in inventory.hosts else HostSet()


def _argument(args: Mapping[str, str] | None, name: str) -> str:
    return (args or {}).get(name, "")


def _what(group: AlertGroup) -> str:
    return f"{group.name} of {group.host}" if group.host else group.name
