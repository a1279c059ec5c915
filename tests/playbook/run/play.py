"""A playbook given as text, played on hosts that are this machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from orchestrator.inventory.load import load_file
from orchestrator.playbook.events import Ended, Event, HostDone, TaskResult, TaskStarted
from orchestrator.playbook.load import Loader
from orchestrator.playbook.options import Options
from orchestrator.playbook.run import Player
from orchestrator.playbook.secrets import Secrets
from orchestrator.ssh import Pool

INVENTORY = """
all:
  hosts:
    one: {number: 1}
    two: {number: 2}
    three: {number: 3}
  vars: {ansible_connection: local}
"""


@dataclass
class Stage:
    """Where playbooks are played; `events` are those of the last one."""

    folder: Path
    pool: Pool
    inventory: str = INVENTORY
    events: list[Event] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    secrets: Secrets = field(default_factory=Secrets)

    async def play(self, playbook: str, *, options: Options | None = None, **means: Any) -> Ended:
        """Play it."""
        (self.folder / "hosts.yml").write_text(dedent(self.inventory))
        (self.folder / "play.yml").write_text(dedent(playbook))
        loader = Loader(base=self.folder)
        self.events.clear()
        player = Player(
            shells=self.pool.shell,
            inventory=load_file(self.folder / "hosts.yml"),
            loader=loader,
            on_event=self.events.append,
            options=options or Options(),
            secrets=self.secrets,
            **means,
        )
        return await player.run(loader.playbook(self.folder / "play.yml"), self.stop)

    @property
    def started(self) -> list[str]:
        """The names of the tasks that began."""
        return [event.name for event in self.events if isinstance(event, TaskStarted)]

    def results(self, name: str) -> dict[str, TaskResult]:
        """How the task `name` ended, by host."""
        numbers = {event.number for event in self.events if isinstance(event, TaskStarted) and event.name == name}
        return {
            event.result.host: event.result
            for event in self.events
            if isinstance(event, HostDone) and event.number in numbers
        }

    async def until(self, started: str) -> None:
        """Wait, up to 10 s, until the task `started` has begun."""
        async with asyncio.timeout(40):
            while started not in self.started:  # noqa: ASYNC110  an event would be one more thing to get wrong
                await asyncio.sleep(0.01)
