"""The demo's hosts, bootstrapped by the playbook that real ones are bootstrapped by."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.cli.session import local_actor

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.playbook.story import Story


async def bootstrap_demo(app: App, stop: asyncio.Event) -> None:
    """Bootstrap every host as far as an account without root may, and print what came of it and what was left out."""
    from orchestrator.bootstrap import Credentials
    from orchestrator.cli.output import plural, reason
    from orchestrator.control import BootstrapHosts, Face, evidence
    from orchestrator.playbook.story import Story

    story, hosts = Story(), app.inventory.hosts
    async with (
        app.door.open(local_actor(Face.CLI), BootstrapHosts(hosts), confirmed=True) as passage,
        app.bootstrap(Credentials()) as bootstrap,
    ):
        surveyed = await bootstrap.survey(hosts, stop=stop)
        outcome = await bootstrap.run(surveyed, on_event=story.tell, stop=stop)
        passage.record(evidence.of_bootstrap(outcome))
    await app.live.refresh()
    print(f"{plural(len(outcome.done), 'host')} bootstrapped by playbooks/bootstrap.yml, without root:")
    for line in dict.fromkeys(_said(story)):
        print(f"  {reason(line)}")
    print("  Left out is node_exporter, too: without root cron would start it, and your crontab is left alone.")
    for host in outcome.hosts:
        if host.detail:
            print(f"  {host.host}: {reason(host.detail)}")
    print(flush=True)


def _said(story: Story) -> Iterator[str]:
    """What the playbook said with ``debug``."""
    for task in story.tasks:
        for result in task.results.values():
            if task.started.module == "ansible.builtin.debug" and "msg" in result.result:
                yield str(result.result["msg"])
