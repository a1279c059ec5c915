"""The verbs about alerts: alerts, silence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.fleet import AsJson
from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.alerts.alertmanager import Known, Silence
    from orchestrator.alerts.model import Alert, AlertGroup
    from orchestrator.app import App

_SHOWN = ("alertname", "host", "severity", "instance", "job")
"""Labels that have a column of their own, or say nothing new."""


def alerts(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Only alerts of these hosts.")] = "all",
    as_json: AsJson = False,
) -> int:
    """Show which alerts fire now. What, where, how bad, since when, who took it on, until when it is silenced."""

    async def work(app: App, stop: asyncio.Event) -> int:  # noqa: ARG001 - each step is bounded in itself
        from orchestrator.alerts.alertmanager import AlertmanagerError
        from orchestrator.cli.output import note, plural, print_json, print_table

        chosen = None if pattern == "all" else app.inventory.select(pattern).names
        groups = [group for group in await app.alerts.current() if chosen is None or group.host in chosen]
        known: Sequence[Known] | None = None
        problem = ""
        try:
            known = await app.alertmanager.alerts()
        except AlertmanagerError as error:
            problem = str(error)
        if as_json:
            print_json({"alerts": [_json(group, alert) for group in groups for alert in group.firing], "why": problem})
        elif groups:
            rows = [_row(group, alert, app) for group in groups for alert in group.firing]
            print_table([("SEVERITY", "ALERT", "HOST", "OF", "VALUE", "LIMIT", "SINCE", ""), *rows])
        if problem:
            note(f"{problem}; this is what was known before")
        elif not groups:
            note("nothing fires")
        if known and (lacking := _lacking(groups, known, chosen)):
            note(f"Alertmanager knows of {plural(lacking, 'alert')} more; is `orchestrator serve` running?")
        return 4 if problem else 0

    return run_with_app(home_of(context), work)


def silence(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Hosts whose alerts are not told.")] = "",
    alert: Annotated[str, typer.Option(metavar="NAME", help="Only alerts of this name.")] = "",
    for_: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h, 1d.")] = "2h",
    from_: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From when: 22:00, '2026-01-31 22:00' [now].")
    ] = "",
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show silences that last or are still to come.")] = False,
    end: Annotated[str, typer.Option("--end", metavar="ID", help="End a silence.")] = "",
    as_json: AsJson = False,
) -> int:
    """Tell no alerts of some hosts for a while. From now or a given time; lists such silences, ends one."""
    from orchestrator.errors import UsageError

    if [bool(pattern), listed, bool(end)].count(True) != 1:
        raise UsageError("that is not one thing to do", remedy="Give a PATTERN, or --list, or --end ID")

    async def work(app: App, stop: asyncio.Event) -> int:  # noqa: ARG001 - each step is bounded in itself
        if listed:
            return await _list(app, as_json=as_json)
        if end:
            return await _end(app, end, as_json=as_json)
        return await _begin(app, pattern, alert, for_, from_, comment, as_json=as_json)

    return run_with_app(home_of(context), work)


async def _begin(app: App, pattern: str, alert: str, for_: str, from_: str, comment: str, *, as_json: bool) -> int:
    from orchestrator.alerts.alertmanager import matchers_for
    from orchestrator.alerts.times import beginning, duration
    from orchestrator.cli.output import note, print_json
    from orchestrator.control import Face, Silence

    now = datetime.now(UTC)
    start = (beginning(from_, now, app.settings.zone) if from_ else now).timestamp()
    until = start + duration(for_)
    hosts = app.inventory.select(pattern)
    matchers = matchers_for(None if pattern == "all" else hosts.names, alert)
    actor = local_actor(Face.CLI)
    async with app.door.open(actor, Silence(hosts, _words(matchers), start, until)) as passage:
        silence_id = await app.alertmanager.silence(matchers, start, until, actor.name, comment)
        passage.record({"status": "ok", "silence": silence_id})
    if as_json:
        print_json({"id": silence_id, "starts_at": start, "ends_at": until, "matchers": list(map(str, matchers))})
    else:
        note(f"{_words(matchers)}: silenced from {_clock(start, app)} until {_clock(until, app)}")
        note(f"To end it: orchestrator silence --end {silence_id}")
    return 0


async def _list(app: App, *, as_json: bool) -> int:
    from orchestrator.cli.output import note, print_json, print_table, reason

    silences = [each for each in await app.alertmanager.silences() if each.state != "expired"]
    silences.sort(key=lambda each: each.starts_at)
    if as_json:
        print_json({"silences": [each.to_json() for each in silences]})
    elif silences:
        rows = [
            (
                each.id,
                each.state,
                _clock(each.starts_at, app),
                _clock(each.ends_at, app),
                reason(each.author),
                _of(each),
            )
            for each in silences
        ]
        print_table([("ID", "STATE", "FROM", "UNTIL", "BY", "OF"), *rows])
    else:
        note("nothing is silenced")
    return 0


async def _end(app: App, silence_id: str, *, as_json: bool) -> int:
    from orchestrator.cli.output import note, print_json
    from orchestrator.control import EndSilence, Face
    from orchestrator.errors import UsageError

    found = next((each for each in await app.alertmanager.silences() if each.id == silence_id), None)
    if found is None or found.state == "expired":
        raise UsageError(
            f"{silence_id[:60]!r} is no silence that lasts or is to come", remedy="See: orchestrator silence --list"
        )
    async with app.door.open(local_actor(Face.CLI), EndSilence(found.id, _words(found.matchers))) as passage:
        await app.alertmanager.expire(found.id)
        passage.record({"status": "ok"})
    if as_json:
        print_json({"id": found.id})
    else:
        note(f"{_words(found.matchers)}: told again")
    return 0


def _lacking(groups: Iterable[AlertGroup], known: Iterable[Known], chosen: Sequence[str] | None) -> int:
    """How many alerts of Alertmanager's are not among the groups, though they should have been told."""
    from orchestrator.alerts.model import WATCHDOG

    ours = {alert.fingerprint for group in groups for alert in group.alerts}
    return sum(
        1
        for each in known
        if each.alert.fingerprint not in ours
        and not (each.silenced_by or each.inhibited or each.alert.name == WATCHDOG)
        and (chosen is None or each.alert.host in chosen)
    )


def _row(group: AlertGroup, alert: Alert, app: App) -> tuple[str, ...]:
    from orchestrator.cli.output import reason

    of = ", ".join(f"{name}={value}" for name, value in alert.labels.items() if name not in _SHOWN)
    notes = []
    if group.acked_by:
        notes.append(f"acknowledged by {group.acked_by}")
    if group.silence:
        notes.append("silenced" + (f" until {_clock(group.silenced_until, app)}" if group.silenced_until else ""))
    value, limit = (_value(each, alert.unit) for each in (alert.value, alert.threshold))
    since = _clock(alert.starts_at, app)
    columns = (alert.severity, alert.name, alert.host, of, value, limit, since, "; ".join(notes))
    return tuple(map(reason, columns))


def _json(group: AlertGroup, alert: Alert) -> dict[str, Any]:
    return {
        **alert.to_json(),
        "incident": group.id,
        "acked_by": group.acked_by,
        "acked_at": group.acked_at,
        "silence": group.silence,
        "silenced_until": group.silenced_until,
    }


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "ratio":
        return f"{value:.1%}"
    if unit == "seconds":
        return f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 1e6:,.1f} MB"
    return f"{value:.4g}"


def _of(silence: Silence) -> str:
    from orchestrator.cli.output import reason

    comment = f" ({silence.comment})" if silence.comment not in ("", "-") else ""
    return reason(f"{_words(silence.matchers)}{comment}")


def _words(matchers: Iterable[object]) -> str:
    return ", ".join(map(str, matchers))


def _clock(at: float, app: App) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(app.settings.zone):%F %H:%M %z}"
