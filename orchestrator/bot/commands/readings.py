"""``/mon_cpu``, ``/mon_mem``, ``/mon_disk`` and their pictures: how hosts are, and how they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from orchestrator.bot.conversation import Request
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import readings as render
from orchestrator.bot.render.readings import View
from orchestrator.control import Door, ShowMetric
from orchestrator.inventory import HostSet, Inventory
from orchestrator.monitor.query import Metric
from orchestrator.monitor.window import SHORT_MIN, Window, parse, split
from orchestrator.readings import Readings

USAGE = N_("[<agent>]")
PICTURE_USAGE = N_("[<agent>] [<hhmm>] [<minutes>]")


class Monitoring:
    """Shows readings and charts. `now` gives the time, aware."""

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

    async def reading(self, metric: Metric, request: Request) -> None:
        """``/mon_cpu [<agent>]``: the newest value."""
        await self._show_now(request, metric, request.text.strip())

    async def refresh(self, request: Request) -> None:
        """[↻] under a value."""
        args = request.args or {}
        await self._show_now(request, Metric(args["metric"]), args["agent"])

    async def picture(self, metric: Metric, request: Request) -> None:
        """``/mon_cpu_picture [<agent>] [<hhmm>] [<minutes>]``."""
        agent, times = split(request.text.split())
        window = parse(times, self._now(), self._catalogues.locale(request.language).zone)
        minutes = int(times[0]) if len(times) == 1 else SHORT_MIN if not times else None
        await self._draw(request, View(metric, agent, window, minutes), None)

    async def chart(self, request: Request) -> None:
        """A range, or [↻]: another picture in the same message, or the first one under a value."""
        under = "under" in (request.args or {})
        await self._draw(request, self._view(request), None if under else request.message_id)

    async def style(self, request: Request) -> None:
        """[◐]: light becomes dark and back, for all pictures of this person."""
        await self._easel.turn(request.actor.id)
        await self._draw(request, self._view(request), request.message_id)

    def _view(self, request: Request) -> View:
        args = request.args or {}
        metric, agent = Metric(args["metric"]), args["agent"]
        if "minutes" not in args:
            return View(metric, agent, Window(int(args["start"]), int(args["end"])))
        minutes = int(args["minutes"])
        return View(metric, agent, Window.last(minutes, self._now()), minutes)

    async def _show_now(self, request: Request, metric: Metric, agent: str) -> None:
        hosts, what = self._hosts(agent)
        async with self._door.open(request.actor, ShowMetric(hosts, metric.value)) as passage:
            found = await self._readings.now(metric, hosts)
            passage.record({"hosts": {each.host: {"status": "ok" if each.readings else "unknown"} for each in found}})
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.now(metric, what, found, self._now(), locale), request.message_id)

    async def _draw(self, request: Request, asked: View, message_id: int | None) -> None:
        hosts, what = self._hosts(asked.what)
        view, locale = replace(asked, what=what), self._catalogues.locale(request.language)
        async with self._door.open(request.actor, ShowMetric(hosts, view.metric.value)) as passage:
            history = await self._readings.over(view.metric, hosts, view.window)
            known = {series.host for series in history.series}
            passage.record({"hosts": {name: {"status": "ok" if name in known else "unknown"} for name in hosts.names}})
        if not history.series:
            await request.chat.send(render.nothing(view, history, locale))
            return
        png = await self._easel.draw(partial(render.chart, view, history), request.actor.id, locale)
        await show(request.chat, render.picture(view, history, png, locale), message_id)

    def _hosts(self, agent: str) -> tuple[HostSet, str]:
        """The hosts that were asked for, and what to call them."""
        inventory = self._inventory()
        hosts = inventory.select(agent) if agent else HostSet([inventory.server])
        return hosts, hosts[0].name if len(hosts) == 1 else agent
