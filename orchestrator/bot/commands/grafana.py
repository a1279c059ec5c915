"""``/chart``: a panel of the user's Grafana."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from orchestrator.bot.conversation import Request
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import N_, Catalogues, Locale
from orchestrator.bot.live import show
from orchestrator.bot.render import grafana as render
from orchestrator.bot.render.grafana import Asked
from orchestrator.bot.render.problem import problem
from orchestrator.control import Door, ShowHosts
from orchestrator.errors import SettingsError, UsageError
from orchestrator.inventory import HostSet, Inventory
from orchestrator.monitor.grafana import Dashboard, Grafana, GrafanaError, Panel
from orchestrator.monitor.window import Window, minutes, split

USAGE = N_("<dashboard> <panel> [<agent>] [<minutes>]")
HOUR_MIN = 60
_MISSING = "Set GRAFANA_URL and GRAFANA_TOKEN on the control node; /mon_cpu_picture draws without Grafana"

Named = TypeVar("Named", Dashboard, Panel)


class GrafanaCharts:
    """Shows panels. `grafana` is None where GRAFANA_URL is not set."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        grafana: Grafana | None,
        easel: Easel,
        door: Door,
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._given = grafana
        self._easel = easel
        self._door = door
        self._catalogues = catalogues

    async def chart(self, request: Request) -> None:
        """``/chart``: the dashboards; with one its panels; with a panel a picture of it."""
        words, locale = _words(request.text), self._catalogues.locale(request.language)
        dashboards = await self._grafana.dashboards()
        if not words:
            await request.chat.send(render.dashboards(dashboards, locale))
            return
        dashboard = _one(words[0], dashboards, "dashboard", "uid")
        panels = await self._grafana.panels(dashboard.uid)
        if len(words) == 1:
            await request.chat.send(render.panels(dashboard, panels, locale))
            return
        panel = _one(words[1], panels, "panel", "id")
        agent, times = split(words[2:])
        if len(times) > 1:
            raise UsageError("too many words", remedy="Give minutes alone")
        length = minutes(times[0]) if times else HOUR_MIN
        asked = Asked(dashboard.uid, dashboard.title, panel.id, panel.title, agent, length)
        await self._draw(request, asked, locale, None)

    async def panels(self, request: Request) -> None:
        """The button of a dashboard."""
        args, locale = request.args or {}, self._catalogues.locale(request.language)
        dashboard = Dashboard(args["uid"], args["title"])
        found = await self._grafana.panels(dashboard.uid)
        await show(request.chat, render.panels(dashboard, found, locale), request.message_id)

    async def new(self, request: Request) -> None:
        """The button of a panel."""
        await self._draw(request, Asked.of(request.args or {}), self._catalogues.locale(request.language), None)

    async def show(self, request: Request) -> None:
        """Another range, or [↻]: in place."""
        asked = Asked.of(request.args or {})
        await self._draw(request, asked, self._catalogues.locale(request.language), request.message_id)

    @property
    def _grafana(self) -> Grafana:
        if self._given is None:
            raise SettingsError("there is no Grafana", where="GRAFANA_URL", remedy=_MISSING)
        return self._given

    async def _draw(self, request: Request, asked: Asked, locale: Locale, message_id: int | None) -> None:
        inventory, grafana = self._inventory(), self._grafana
        hosts = inventory.select(asked.agent) if asked.agent else HostSet()
        window = Window.last(asked.minutes, datetime.now(UTC))
        link = grafana.address(asked.uid, asked.panel, window) if grafana.public else ""
        # The words first: a renderer takes seconds, or never answers.
        waiting = None if message_id else await request.chat.send(render.drawing(asked, link, locale))
        async with self._door.open(request.actor, ShowHosts(hosts)) as passage:
            try:
                png = await grafana.render(
                    asked.uid,
                    asked.panel,
                    window,
                    dark=await self._easel.dark(request.actor.id),
                    zone=_zone(locale),
                    variables=[("host", name) for name in hosts.names],
                )
            except GrafanaError as error:
                passage.record({"status": "failed"})
                await show(request.chat, problem(error, locale), waiting)
                return
            passage.record({"status": "ok"})
        await show(request.chat, render.picture(asked, link, png, datetime.now(UTC), locale), message_id)


def _zone(locale: Locale) -> str:
    """As the renderer's browser knows it; UTC where only the system's clock knows."""
    return str(getattr(locale.zone, "key", None) or "UTC")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise UsageError("a quote is not closed", remedy="/chart lists what there is") from None


def _one(word: str, listed: Sequence[Named], kind: str, key: str) -> Named:
    """The one whose id or title is `word`, or the only one whose title has it in it."""
    wanted = word.casefold()
    exact = [each for each in listed if wanted in (str(getattr(each, key)).casefold(), each.title.casefold())]
    found = exact or [each for each in listed if wanted in each.title.casefold()]
    if len(found) == 1 or exact:
        return found[0]
    names = ", ".join(each.title for each in (found or listed)[:20]) or "none"
    what = f"{word[:60]} means {len(found)} {kind}s" if found else f"there is no {kind} {word[:60]}"
    raise UsageError(what, remedy=f"There are: {names}")
