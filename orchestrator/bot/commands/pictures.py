"""Pictures of a whole fleet, behind buttons: heat map, disks, spread, card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.bot.conversation import Request
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render.kinds import Kind
from orchestrator.bot.render.pictures import DAY_MIN, Asked
from orchestrator.bot.sketch import sketch
from orchestrator.control import Door, ShowHosts, ShowMetric
from orchestrator.inventory import HostSet, Inventory
from orchestrator.monitor.query import Metric
from orchestrator.readings import Readings


class Pictures:
    """Shows them. `now` gives the time, aware."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        readings: Readings,
        easel: Easel,
        door: Door,
        catalogues: Catalogues,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._inventory = inventory
        self._readings = readings
        self._easel = easel
        self._door = door
        self._catalogues = catalogues
        self._now = now

    async def new(self, request: Request) -> None:
        """A picture in a message of its own: under the button is a text, which cannot become one."""
        await self._draw(request, None)

    async def show(self, request: Request) -> None:
        """Another range, or [↻]: in place."""
        await self._draw(request, request.message_id)

    async def style(self, request: Request) -> None:
        """[◐]: light becomes dark and back."""
        await self._easel.turn(request.actor.id)
        await self._draw(request, request.message_id)

    async def _draw(self, request: Request, message_id: int | None) -> None:
        args = request.args or {}
        asked = Asked(
            kind=Kind(args["kind"]),
            metric=Metric(args["metric"]),
            what=args["agent"],
            at=self._now(),
            minutes=int(args.get("minutes", str(DAY_MIN))),
        )
        inventory = self._inventory()
        hosts = inventory.select(asked.what) if asked.what else inventory.hosts or HostSet([inventory.server])
        asked = replace(asked, what=hosts[0].name if len(hosts) == 1 else asked.what)
        locale = self._catalogues.locale(request.language)
        action = ShowHosts(hosts) if asked.kind is Kind.CARD else ShowMetric(hosts, asked.metric.value)
        async with self._door.open(request.actor, action) as passage:
            drawn = await sketch(asked, hosts, self._readings, locale.zone)
            status = {name: {"status": "unknown" if name in drawn.whys else "ok"} for name in hosts.names}
            passage.record({"hosts": status})
        if drawn.empty:
            await request.chat.send(drawn.nothing(locale))
            return
        png = await self._easel.draw(drawn.picture, request.actor.id, locale)
        await show(request.chat, drawn.message(png, locale), message_id)
