"""The verb for thresholds: threshold."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.fleet import AsJson
from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.alerts.thresholds import Asked, Threshold
    from orchestrator.app import App
    from orchestrator.thresholdchange import Changed


def threshold(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[HOST|GROUP|all] [METRIC] [VALUE|default]",
            help="METRIC is cpu, mem, disk, load, swap or inodes. VALUE is in percent, of load a plain number; "
            "default takes back what was set.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show from where readings of hosts are high, or set it. Alerts and charts go by it at once."""
    from orchestrator.alerts.thresholds import Asked

    asked = Asked.parse(words or [])

    async def work(app: App, _: asyncio.Event) -> int:
        if asked.value:
            await _change(app, asked, as_json=as_json)
        else:
            await _show(app, asked, as_json=as_json)
        return 0

    return run_with_app(home_of(context), work)


async def _show(app: App, asked: Asked, *, as_json: bool) -> None:
    from orchestrator.alerts.scales import SCALES, scale_of
    from orchestrator.cli.output import print_json, print_table
    from orchestrator.control import Face, ShowThresholds
    from orchestrator.inventory import HostSet, fold

    inventory = app.inventory
    if asked.agent in ("", "all"):
        hosts = inventory.hosts or HostSet([inventory.server])
    else:
        hosts = inventory.select(asked.agent)
    metrics = [scale_of(asked.metric).name] if asked.metric else list(SCALES)
    async with app.door.open(local_actor(Face.CLI), ShowThresholds(hosts)) as passage:
        found = {metric: app.thresholds.of_all(hosts, metric) for metric in metrics}
        passage.record({"status": "ok"})
    if as_json:
        print_json({"thresholds": [each for metric in metrics for each in _as_json(metric, found[metric])]})
        return
    rows = [
        (metric, SCALES[metric].show(each.value), each.origin, fold(names))
        for metric in metrics
        for each, names in found[metric].items()
    ]
    print_table([("METRIC", "VALUE", "SET FOR", "HOSTS"), *rows])


async def _change(app: App, asked: Asked, *, as_json: bool) -> None:
    from orchestrator.cli.output import print_json
    from orchestrator.control import Face
    from orchestrator.thresholdchange import Change, change_threshold

    change = Change.of(asked, app.thresholds)
    outcome = await change_threshold(change, local_actor(Face.CLI), app.door, app.thresholds)
    if as_json:
        before, after = (_as_json(change.scale.name, each) for each in (outcome.before, outcome.after))
        print_json({"scope": str(change.scope), "changed": outcome.done, "before": before, "thresholds": after})
    else:
        _tell(outcome)


def _tell(outcome: Changed) -> None:
    from orchestrator.cli.output import note
    from orchestrator.inventory import fold

    change = outcome.change
    if not outcome.done:
        note(f"{change.scale.name} of {change.scope}: none was set there")
    for each, names in outcome.after.items():
        note(f"{fold(names)}: {change.scale.name} {change.scale.show(each.value)} ({each.origin})")


def _as_json(metric: str, thresholds: Mapping[Threshold, Sequence[str]]) -> list[dict[str, Any]]:
    return [
        {"host": name, "metric": metric, "value": each.value, "origin": each.origin}
        for each, names in thresholds.items()
        for name in names
    ]
