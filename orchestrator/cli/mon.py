"""The verb that reads hosts: mon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.fleet import AsJson
from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
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
    as_json: AsJson = False,
) -> int:
    """Show a reading of hosts, or with a time how it went; --png draws that."""
    from orchestrator.monitor.window import parse, split

    metric = _metric(what)
    agent, times = split(words or [])

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
    from orchestrator.monitor.query import Metric

    try:
        return Metric(word)
    except ValueError:
        raise UsageError(f"{word[:20]!r} cannot be read", remedy=f"Say one of: {', '.join(Metric)}") from None


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
    from orchestrator.cli.output import note
    from orchestrator.monitor.charts import Charts

    locale = Catalogues(app.settings.zone).locale("en")
    png = await Charts().draw(chart(View(metric, what, window), history, locale, dark=False))
    await asyncio.to_thread(file.write_bytes, png)
    note(f"chart in {file}")
