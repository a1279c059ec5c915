"""The verb that reads hosts: mon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.fleet import AsJson
from orchestrator.cli.pictures import write_picture
from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.bot.render.kinds import Kind
    from orchestrator.home import Home
    from orchestrator.monitor.query import Metric
    from orchestrator.monitor.window import Window
    from orchestrator.readings import History, Now


def mon(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="cpu|mem|disk", help="What to read.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[HOST] [[HHMM] MINUTES]",
            help="Hosts [Server]; the last MINUTES, or MINUTES either side of a time, 24 h.",
        ),
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Draw a chart [of the last 5 minutes].")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="line|heat|bars|spread|card", help="What --png draws [line].")
    ] = "line",
    as_json: AsJson = False,
) -> int:
    """Show a reading of hosts, or how it went. --png draws that."""
    from orchestrator.monitor.window import parse, split

    metric = _metric(what)
    agent, times = split(words or [])
    if kind != "line":
        return _picture(home_of(context), _kind(kind, png, times, as_json=as_json), metric, agent, png)

    async def work(app: App, stop: asyncio.Event) -> int:  # noqa: ARG001 - each step is bounded in itself
        from orchestrator.control import Face, ShowMetric
        from orchestrator.inventory import HostSet

        hosts = app.inventory.select(agent) if agent else HostSet([app.inventory.server])
        async with app.door.open(local_actor(Face.CLI), ShowMetric(hosts, metric.value)) as passage:
            if png is None and not times:
                known = _tell_now(metric, await app.readings.now(metric, hosts), as_json=as_json)
            else:
                window = parse(times, datetime.now(UTC), app.settings.zone)
                history = await app.readings.over(metric, hosts, window)
                known = _tell_history(metric, history, window, as_json=as_json)
                if png is not None and history.series:
                    await _draw(png, metric, agent or hosts[0].name, history, window, app)
            passage.record({"hosts": {name: {"status": "ok" if name in known else "unknown"} for name in hosts.names}})
        return 0 if len(known) == len(hosts) else 4

    return run_with_app(home_of(context), work)


def _metric(word: str) -> Metric:
    from orchestrator.errors import UsageError
    from orchestrator.monitor.query import USUAL

    for metric in USUAL:
        if metric == word:
            return metric
    raise UsageError(f"{word[:20]!r} cannot be read", remedy=f"Say one of: {', '.join(USUAL)}")


def _kind(word: str, png: Path | None, times: Sequence[str], *, as_json: bool) -> Kind:
    from orchestrator.bot.render.kinds import Kind
    from orchestrator.errors import UsageError

    if word not in tuple(Kind):
        raise UsageError(f"{word[:20]!r} cannot be drawn", remedy=f"Say one of: line, {', '.join(Kind)}")
    if png is None or times or as_json:
        raise UsageError("--kind is for pictures of its own time", remedy="Give --png FILE, no time and no --json")
    return Kind(word)


def _picture(home: Home, kind: Kind, metric: Metric, agent: str, png: Path | None) -> int:
    """Draw hosts, all of them when none are named; 4 when there are some of which nothing is known."""

    async def work(app: App, stop: asyncio.Event) -> int:  # noqa: ARG001 - each step is bounded in itself
        from orchestrator.bot.language import Catalogues
        from orchestrator.bot.render.pictures import Asked
        from orchestrator.bot.sketch import sketch
        from orchestrator.cli.output import note, reason
        from orchestrator.control import Face, ShowMetric

        hosts = app.inventory.select(agent or "all")
        asked = Asked(kind, metric, hosts[0].name if len(hosts) == 1 else agent or "all", datetime.now(UTC))
        async with app.door.open(local_actor(Face.CLI), ShowMetric(hosts, metric.value)) as passage:
            drawn = await sketch(asked, hosts, app.readings, app.settings.zone)
            status = {name: {"status": "unknown" if name in drawn.whys else "ok"} for name in hosts.names}
            passage.record({"hosts": status})
        for host, why in drawn.whys.items():
            note(f"{host}: no reading: {reason(why)}")
        if png is not None and not drawn.empty:
            await write_picture(png, drawn.picture(Catalogues(app.settings.zone).locale("en"), dark=False))
        return 4 if drawn.whys else 0

    return run_with_app(home, work)


def _tell_now(metric: Metric, found: Sequence[Now], *, as_json: bool) -> frozenset[str]:
    """Print values; returns the hosts that have one."""
    from orchestrator.cli.output import note, print_json, print_table, reason

    if as_json:
        print_json({"metric": metric.value, "hosts": [_now_json(each) for each in found]})
    else:
        rows = [
            (each.host, f"{reading.value:.1%}", reason(reading.mount)) for each in found for reading in each.readings
        ]
        if rows:
            print_table([("HOST", metric.value.upper(), "MOUNT" if metric == "disk" else ""), *rows])
    for each in found:
        if each.direct:
            note(f"{each.host}: asked directly: {reason(each.why)}")
        elif not each.readings:
            note(f"{each.host}: no reading: {reason(each.why)}")
    return frozenset(each.host for each in found if each.readings)


def _now_json(now: Now) -> dict[str, Any]:
    readings = [{"value": reading.value, "mount": reading.mount or None} for reading in now.readings]
    return {"host": now.host, "readings": readings, "direct": now.direct, "why": now.why}


def _tell_history(metric: Metric, history: History, window: Window, *, as_json: bool) -> frozenset[str]:
    """Print what became of values; returns the hosts that have some."""
    from orchestrator.cli.output import note, print_json, print_table, reason

    if as_json:
        print_json(
            {
                "metric": metric.value,
                "start": window.start,
                "end": window.end,
                "series": [
                    {"host": each.host, "mount": each.mount or None, "points": each.points} for each in history.series
                ],
                "missing": dict(history.missing),
            }
        )
    elif history.series:
        rows = [
            (each.host, f"{each.last:.1%}", f"{each.mean:.1%}", f"{each.most:.1%}", reason(each.mount))
            for each in history.series
        ]
        print_table([("HOST", "LAST", "AVERAGE", "HIGHEST", "MOUNT" if metric == "disk" else ""), *rows])
    for host, why in history.missing.items():
        note(f"{host}: no data: {reason(why)}")
    return frozenset(each.host for each in history.series)


async def _draw(file: Path, metric: Metric, what: str, history: History, window: Window, app: App) -> None:
    from orchestrator.bot.language import Catalogues
    from orchestrator.bot.render.readings import View, chart

    locale = Catalogues(app.settings.zone).locale("en")
    await write_picture(file, chart(View(metric, what, window), history, locale, dark=False))
