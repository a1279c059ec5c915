"""Playing a playbook on the hosts of an inventory, and what came of it."""

from __future__ import annotations

import asyncio

from orchestrator.inventory.inventory import Inventory
from orchestrator.playbook.engine.batches import LOCALHOST, select
from orchestrator.playbook.engine.identity import AskPassword
from orchestrator.playbook.engine.performance import Means, Performance
from orchestrator.playbook.engine.shells import Opener, Shells
from orchestrator.playbook.engine.target import Ask
from orchestrator.playbook.events import Ended, OnEvent
from orchestrator.playbook.load import Loader
from orchestrator.playbook.model import Playbook
from orchestrator.playbook.options import Options
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.vault import Vault

__all__ = ["Options", "Player"]


class Player:
    """Plays playbooks on the hosts of `inventory`, telling `on_event` everything, secrets masked.

    `shells` opens a prepared shell (`Pool.shell`). `secrets` are those that `loader` and `vault` add to.
    `become_password` asks a person, at most once in a run, when a password is needed and no variable has it; `prompt`
    puts the question of a ``pause`` to a person. Without them nobody is asked.
    """

    def __init__(
        self,
        *,
        shells: Opener,
        inventory: Inventory,
        loader: Loader,
        on_event: OnEvent,
        vault: Vault | None = None,
        options: Options | None = None,
        become_password: AskPassword | None = None,
        prompt: Ask | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self._means = Means(
            shells=shells,
            inventory=inventory,
            loader=loader,
            vault=vault,
            options=options or Options(),
            on_event=on_event,
            become_password=become_password,
            prompt=prompt,
            secrets=secrets or Secrets(),
        )

    async def run(self, playbook: Playbook, stop: asyncio.Event | None = None) -> Ended:
        """Play it to its end, or until `stop` is set: then no task begins, and what runs on hosts is stopped.

        Raises UnknownHost for a limit that means no host and OrchestratorError for keywords of plays that cannot be
        meant. What goes wrong on hosts is in the events, the last of which is returned, too.
        """
        means = self._means
        limit = means.options.limit
        if limit is not None and not select(means.inventory, limit, None):
            means.inventory.select(limit)  # says what is wrong with it
        stop = stop or asyncio.Event()
        shells = Shells(means.shells)
        performance = Performance(means, playbook, shells, stop)
        try:
            aborted = await performance.plays()
        finally:
            await shells.close()
        roster = performance.roster
        recap = roster.recap((*means.inventory.hosts.names, LOCALHOST.name))
        early = stop.is_set() or aborted
        not_begun = performance.not_begun if early else ()
        ended = Ended(recap, stop.is_set(), aborted, dict(roster.may_be_running), not_begun)
        means.on_event(ended)
        return ended
