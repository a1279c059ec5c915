"""The verbs that look at hosts and act on them: hosts, exec, ports, close."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.asking import ask
from orchestrator.cli.session import Interrupted, confirm, home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App

Pattern = Annotated[
    str, typer.Argument(metavar="PATTERN", help="Hosts: a name, a group, web*, web:&prod, all:!db1, ~regex, web[0:2].")
]
HostName = Annotated[str, typer.Argument(metavar="HOST", help="One host, by name or address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def hosts(context: typer.Context, pattern: Pattern = "all", as_json: AsJson = False) -> None:
    """Show which hosts a pattern means, without touching them."""
    from orchestrator.cli.output import note, plural, print_json, print_table
    from orchestrator.inventory import load

    inventory = load(home_of(context).inventory)
    for warning in inventory.warnings:
        note(f"orchestrator: {warning}")
    chosen = inventory.select(pattern)
    if as_json:
        print_json(
            {
                "hosts": [
                    {"name": h.name, "address": h.address, "port": h.port, "user": h.user, "groups": list(h.groups)}
                    for h in chosen
                ]
            }
        )
        return
    rows = [(h.name, f"{h.user}@{h.address}" if h.user else h.address, str(h.port), ",".join(h.groups)) for h in chosen]
    print_table([("HOST", "ADDRESS", "PORT", "GROUPS"), *rows])
    note(f"{plural(len(chosen), 'host')}: {chosen.folded}")


def exec_(
    context: typer.Context,
    pattern: Pattern,
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND",
            help="After --. One argument is a line for the shell; several are a program and its arguments.",
        ),
    ],
    timeout: Annotated[float, typer.Option(min=0.1, max=86400, help="Seconds it may take on a host.")] = 60.0,
    serial: Annotated[int | None, typer.Option(min=1, help="How many hosts at a time, for a rolling run.")] = None,
    max_fail: Annotated[int | None, typer.Option(min=0, help="Begin no more when more than this many failed.")] = None,
    as_json: AsJson = False,
) -> int:
    """Run a command on all hosts of a pattern at once. Identical outputs are shown once."""
    from orchestrator.cli.output import print_json, print_report
    from orchestrator.cli.progress import Progress
    from orchestrator.control import Exec, Face, evidence
    from orchestrator.errors import UsageError
    from orchestrator.fleet import Answers, Report

    line = command[0] if len(command) == 1 else shlex.join(command)
    if not line.strip():
        raise UsageError("there is no command to run", remedy="Give one after --")

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.select(pattern)
        action = Exec(chosen, line, timeout)
        collected = Answers()
        async with app.door.open(local_actor(Face.CLI), action) as passage:
            stream = app.fleet.exec(chosen, line, timeout=timeout, serial=serial, max_fail=max_fail, stop=stop)
            try:
                with Progress(chosen, line) as progress:
                    async with aclosing(stream) as answers:
                        async for result in answers:
                            progress.answered(result.host)
                            collected.add(result)
            finally:  # also of a run that was abandoned
                report = Report.of(collected.results)
                passage.record(evidence.of_report(report))
        print_json(report.to_json()) if as_json else print_report(report)
        return report.exit_status

    return run_with_app(home_of(context), work)


def ports(context: typer.Context, pattern: Pattern, as_json: AsJson = False) -> int:
    """Show listening ports, with the processes and units behind."""
    from orchestrator.cli.output import print_ports
    from orchestrator.control import ListPorts

    return ask(
        context,
        pattern,
        ListPorts,
        lambda app, chosen, stop: app.fleet.ports(chosen, stop=stop),
        print_ports,
        what="ports",
        as_json=as_json,
    )


def close(
    context: typer.Context,
    host: HostName,
    port: Annotated[str, typer.Argument(metavar="PORT", help="8080, or 53/udp.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Free a port: end exactly what holds it. Shows it and asks before, looks again after."""
    from orchestrator.cli.output import note, print_closing, print_targets, unreached
    from orchestrator.control import ClosePort, Face, ListPorts, evidence
    from orchestrator.errors import Refused
    from orchestrator.fleet import Inspection, closable, exit_status, parse_port
    from orchestrator.inventory import HostSet
    from orchestrator.ssh import Status

    number, protocol = parse_port(port)

    async def inspect(app: App) -> Inspection:
        chosen = app.inventory.host(host)
        async with app.door.open(local_actor(Face.CLI), ListPorts(HostSet([chosen]))) as passage:
            inspection = await app.fleet.inspect(chosen, number, protocol)
            passage.record(evidence.of_answers([inspection]))
        return inspection

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.host(host)
        inspection = await inspect(app)
        if inspection.status is not Status.OK:
            note(f"{chosen.name}: {unreached(chosen.name, inspection.status, inspection.detail)}")
            return exit_status([inspection.status])
        targets = closable(inspection)
        if not targets:
            note(f"{chosen.name}: nothing listens on {port}")
            return 0
        print_targets(inspection, targets)
        action = ClosePort(chosen, number, targets[0].protocol)
        if not yes and not await confirm(f"{action.summary}?", stop, instead="--yes"):
            raise Refused("not confirmed, nothing was done", where=chosen.name, remedy="Answer y, or give --yes")
        if stop.is_set():
            raise Interrupted("nothing was done", where=chosen.name)
        async with app.door.open(local_actor(Face.CLI), action, confirmed=True) as passage:
            outcome = await app.fleet.close(chosen, targets)
            passage.record(evidence.of_closing(outcome))
        print_closing(outcome, action)
        return outcome.exit_status

    return run_with_app(home_of(context), work)
