"""The demo's hosts: bootstrapped as real ones are, and kept quiet about the machine that they share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.cli.session import local_actor

if TYPE_CHECKING:
    from orchestrator.app import App


async def bootstrap_demo(app: App, stop: asyncio.Event) -> None:
    """Bootstrap every host as far as this machine is left alone, and print what came of it."""
    from orchestrator.bootstrap import Credentials
    from orchestrator.cli.output import plural, reason
    from orchestrator.control import BootstrapHosts, Face, evidence

    hosts = app.inventory.hosts
    async with (
        app.door.open(local_actor(Face.CLI), BootstrapHosts(hosts), confirmed=True) as passage,
        app.bootstrap(Credentials()) as bootstrap,
    ):
        surveyed = await bootstrap.survey(hosts, stop=stop)
        outcome = await bootstrap.run(surveyed, stop=stop)
        passage.record(evidence.of_bootstrap(outcome))
    await app.live.refresh()
    print(
        f"{plural(len(outcome.done), 'host')} bootstrapped by playbooks/bootstrap.yml, which leaves this machine alone:"
    )
    print("no account, no sudo rule and no crontab entry is made here.")
    for host in outcome.hosts:
        if host.detail:
            print(f"  {host.host}: {reason(host.detail)}")


async def keep_quiet(app: App) -> None:
    """Have no reading told as high: all hosts are one machine, and that it is busy would be told once for each."""
    from orchestrator.alerts.scales import SCALES
    from orchestrator.control import Face
    from orchestrator.store.thresholds import FLEET
    from orchestrator.thresholdchange import Change, change_threshold

    for scale in SCALES.values():
        change = Change(FLEET, scale, scale.highest)
        await change_threshold(change, local_actor(Face.CLI), app.door, app.thresholds)
