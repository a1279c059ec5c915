"""``/threshold``: from where a reading is high, for a host, a group, or all."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.alerts.scales import SCALES, scale_of
from orchestrator.alerts.thresholds import Asked, Thresholds
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import thresholds as render
from orchestrator.control import Door, ShowThresholds
from orchestrator.inventory import HostSet, Inventory
from orchestrator.store.thresholds import Scope
from orchestrator.thresholdchange import Change, change_threshold

USAGE = N_("[<agent>] [<metric>] [<value>|default]")


class ThresholdCommands:
    """Shows and changes thresholds."""

    def __init__(
        self, inventory: Callable[[], Inventory], thresholds: Thresholds, door: Door, catalogues: Catalogues
    ) -> None:
        self._inventory = inventory
        self._thresholds = thresholds
        self._door = door
        self._catalogues = catalogues

    async def threshold(self, request: Request) -> None:
        """``/threshold [<agent>] [<metric>] [<value>|default]``."""
        asked = Asked.parse(request.text.split())
        if asked.value:
            await self._change(request, Change.of(asked, self._thresholds), None)
        else:
            await self._show(request, asked, None)

    async def show(self, request: Request) -> None:
        """[All thresholds]."""
        await self._show(request, Asked((request.args or {})["agent"]), request.message_id)

    async def reset(self, request: Request) -> None:
        """[✖ cpu · group web · 90%], or [Take back]."""
        args = request.args or {}
        change = Change(Scope.parse(args["scope"]), scale_of(args["metric"]), None)
        await self._change(request, change, request.message_id)

    async def _show(self, request: Request, asked: Asked, message_id: int | None) -> None:
        metrics = [scale_of(asked.metric).name] if asked.metric else list(SCALES)
        hosts = self._hosts(asked.agent)
        locale = self._catalogues.locale(request.language)
        async with self._door.open(request.actor, ShowThresholds(hosts)) as passage:
            await self._thresholds.refresh()
            found = {metric: self._thresholds.of_all(hosts, metric) for metric in metrics}
            passage.record({"status": "ok"})
        origins = {threshold.origin for thresholds in found.values() for threshold in thresholds}
        # Of all hosts also what has no effect on any just now: a group may be empty, or its hosts have their own.
        rows = [
            row
            for row in self._thresholds.rows()
            if row.metric in metrics and (not asked.agent or str(row.scope) in origins)
        ]
        message = render.table(asked.agent, found, rows, locale.gettext(USAGE), locale)
        await show(request.chat, message, message_id)

    async def _change(self, request: Request, change: Change, message_id: int | None) -> None:
        outcome = await change_threshold(change, request.actor, self._door, self._thresholds)
        message = render.changed(outcome, self._catalogues.locale(request.language))
        await show(request.chat, message, message_id)

    def _hosts(self, agent: str) -> HostSet:
        inventory = self._inventory()
        if agent in ("", "all"):
            return inventory.hosts or HostSet([inventory.server])
        return inventory.select(agent)
