"""The verb that replaces our key on the fleet."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.session import confirm, home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.rotation import Outcome

_LEFT = 4
_AGAIN = "Run it again for them: orchestrator keys rotate"


def rotate(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Which hosts to do now.")] = "all",
    status: Annotated[bool, typer.Option("--status", help="Show how far each host is, and do nothing.")] = False,
    comment: Annotated[str, typer.Option(help="What the new key is called in authorized_keys.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> int:
    """Replace our key on hosts, without being locked out. The new one is put beside it and proven, then the old
    one is removed and seen refused.

    Safe to interrupt anywhere: run it again to go on, and to finish hosts that were away.
    """
    from orchestrator.cli.output import print_json
    from orchestrator.cli.progress import Progress
    from orchestrator.control import Face, RotateKeys, evidence
    from orchestrator.errors import Refused
    from orchestrator.inventory import HostSet
    from orchestrator.rotation import Ledger, Rotation, Step
    from orchestrator.ssh import Succession

    async def work(app: App, stop: asyncio.Event) -> int:
        if status:
            return await go(app, stop)
        with app.home.replacing_keys():
            await app.live.refresh()  # a bootstrap that just ended may have changed who hosts are managed as
            return await go(app, stop)

    async def go(app: App, stop: asyncio.Event) -> int:
        everyone, chosen = app.inventory.hosts, app.inventory.select(pattern)
        files, ledger = Succession(app.home.keys), Ledger(app.home.state / "rotation")

        def tell(step: Step, host: str) -> None:
            if step is Step.SETTLED:
                progress.answered(host)

        rotation = Rotation(app.pool, app.keys, files, ledger, stop=stop, tell=tell)
        outcome = rotation.status(chosen, everyone)
        progress = Progress(HostSet(rotation.to_do(chosen)), "keys rotate")
        if not status:
            action = RotateKeys(chosen)
            if not yes and not await confirm(_question(outcome, chosen.folded), stop, instead="--yes"):
                raise Refused("not confirmed, nothing was done", remedy="Answer y, or give --yes")
            async with app.door.open(local_actor(Face.CLI), action, confirmed=True) as passage:
                with progress:
                    outcome = await rotation.run(chosen, everyone, comment or f"orchestrator@{platform.node()}")
                passage.record(evidence.of_rotation(outcome))
        print_json(_as_json(outcome)) if as_json else _print(outcome, asked=status)
        return 0 if outcome.complete else _LEFT

    return run_with_app(home_of(context), work)


def _question(outcome: Outcome, hosts: str) -> str:
    if outcome.under_way:
        return f"Go on with the rotation that began {outcome.began}, on {hosts}?"
    return f"Replace our key on {hosts}?"


def _print(outcome: Outcome, *, asked: bool) -> None:
    from orchestrator.cli.output import note, plural, reason
    from orchestrator.inventory import fold

    if asked and not outcome.under_way:
        print("no rotation of our key is under way")
        return
    left = [standing for standing in outcome.standings if not standing.stage.finished]
    for standing in left:
        note(f"{standing.host}: {reason(standing.detail) or 'not begun'}")
    done = len(outcome.standings) - len(left)
    print(f"{plural(done, 'host')} done, {len(left)} left; from {outcome.old} to {outcome.new}")
    if outcome.apart:
        note(f"not logged in to with this key, and left alone: {fold(outcome.apart)}")
    if not outcome.under_way:
        note("the old key is refused everywhere, and destroyed")
        return
    if outcome.elsewhere:
        note(f"not asked for now, and left: {fold(outcome.elsewhere)}")
    note(f"the old key is kept for those that are left. {_AGAIN}")


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "rotation": {
            "state": outcome.turn.value,
            "old": outcome.old,
            "new": outcome.new,
            "began": outcome.began,
        },
        "hosts": [asdict(standing) for standing in outcome.standings],
        "left_elsewhere": list(outcome.elsewhere),
        "left_alone": list(outcome.apart),
    }
