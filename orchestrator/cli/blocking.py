"""The verbs about addresses that hosts drop: block, unblock."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.asking import ask
from orchestrator.cli.fleet import AsJson, Pattern
from orchestrator.cli.session import Interrupted, confirm, home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app import App
    from orchestrator.fleet import BlockOutcome, BlocksAnswer

DEFAULT_TIME = "24h"
LAPSED = "Somebody emptied the firewall; block again, or unblock"
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An IP address, or a network up to a /24 or a /48.")]


def block(
    context: typer.Context,
    pattern: Pattern,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="An IP address, or a network: /24 or /48.")] = "",
    time: Annotated[str, typer.Option("--for", metavar="1h|24h|30d", help=f"How long [{DEFAULT_TIME}].")] = "",
    permanent: Annotated[bool, typer.Option("--permanent", help="Until it is lifted, also after a reboot.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Only show what is blocked.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Let hosts drop all that comes from an address, for a time. With --list, show what they drop."""
    from orchestrator.cli.output import note
    from orchestrator.control import BlockAddress, Face, evidence
    from orchestrator.errors import Refused, UsageError
    from orchestrator.fleet import behind, is_private, parse_duration, parse_network, said

    if show:
        return _list(context, pattern, as_json=as_json)
    if not address:
        raise UsageError("there is no address to block", remedy="Give one, or --list")
    if permanent and time:
        raise UsageError("--for and --permanent exclude each other")
    network = parse_network(address)
    seconds = None if permanent else parse_duration(time or DEFAULT_TIME)

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.select(pattern)
        action = BlockAddress(chosen, said(network), seconds)
        if is_private(network):
            note(f"{said(network)} is a private address: it may be of your own network")
        if not yes and not await confirm(f"{action.summary}?", stop, instead="--yes"):
            raise Refused("not confirmed, nothing was done", remedy="Answer y, or give --yes")
        if stop.is_set():
            raise Interrupted("nothing was done")
        outcomes: list[BlockOutcome] = []
        async with app.door.open(local_actor(Face.CLI), action, confirmed=True) as passage:
            through = behind([app.inventory.server, *app.inventory.hosts])
            async with aclosing(app.fleet.block(chosen, network, seconds, behind=through, stop=stop)) as stream:
                async for outcome in stream:
                    outcomes.append(outcome)
                    passage.record(evidence.of_blocking(outcomes))
        return _tell(outcomes, f"{said(network)} is blocked", as_json=as_json)

    return run_with_app(home_of(context), work)


def unblock(context: typer.Context, pattern: Pattern, address: Address, as_json: AsJson = False) -> int:
    """Let hosts take again what comes from an address."""
    from orchestrator.control import Face, UnblockAddress, evidence
    from orchestrator.fleet import parse_network, said

    network = parse_network(address)

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.select(pattern)
        outcomes: list[BlockOutcome] = []
        action = UnblockAddress(chosen, said(network))
        stream = app.fleet.unblock(chosen, network, stop=stop)
        async with app.door.open(local_actor(Face.CLI), action) as passage, aclosing(stream):
            async for outcome in stream:
                outcomes.append(outcome)
                passage.record(evidence.of_blocking(outcomes))
        return _tell(outcomes, f"{said(network)} is not blocked any more", as_json=as_json)

    return run_with_app(home_of(context), work)


def _list(context: typer.Context, pattern: str, *, as_json: bool) -> int:
    from orchestrator.control import ListBlocks

    return ask(
        context,
        pattern,
        ListBlocks,
        lambda app, chosen, stop: app.fleet.blocks(chosen, stop=stop),
        _print_blocks,
        what="blocks",
        as_json=as_json,
    )


def _print_blocks(answers: Sequence[BlocksAnswer]) -> None:
    from orchestrator.cli.output import note, print_table, unreached
    from orchestrator.ssh import Status

    rows = [
        (answer.host, block.address, "for good" if block.permanent else _left(block.left))
        for answer in answers
        for block in answer.blocks
    ]
    if rows:
        print_table([("HOST", "ADDRESS", "STILL"), *rows])
    for answer in answers:
        if answer.status is not Status.OK:
            note(f"{answer.host}: {unreached(answer.host, answer.status, answer.detail)}")
        elif not answer.blocks:
            note(f"{answer.host}: nothing is blocked")
        if answer.lapsed:
            note(f"{answer.host}: for good, but not in force until a reboot: {', '.join(answer.lapsed)}. {LAPSED}")
        if answer.more:
            note(f"{answer.host}: {answer.more} more are left out")


def _left(seconds: int | None) -> str:
    if seconds is None:
        return "until a reboot"
    return (
        f"{seconds // 3600} h {seconds % 3600 // 60} min"
        if seconds >= 3600
        else f"{seconds // 60} min {seconds % 60} s"
    )


def _tell(outcomes: Sequence[BlockOutcome], done: str, *, as_json: bool) -> int:
    from orchestrator.cli.output import note, print_json, reason
    from orchestrator.fleet import BlockState

    if as_json:
        print_json({"hosts": [outcome.to_json() for outcome in outcomes]})
    words = {BlockState.DONE: done, BlockState.ABSENT: "it was not blocked"}
    for outcome in outcomes:
        what = words.get(outcome.state, outcome.state.replace("_", " "))
        note(f"{outcome.host}: {what}{': ' + reason(outcome.detail) if outcome.detail else ''}")
    statuses = {outcome.exit_status for outcome in outcomes}
    return next((status for status in (4, 3, 1) if status in statuses), 0)
