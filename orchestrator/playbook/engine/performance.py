"""The plays of a playbook in order, each on its hosts in batches (ansible-core, executor/playbook_executor.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.inventory import Inventory
from orchestrator.playbook.engine.attempt import Workshop
from orchestrator.playbook.engine.batches import batches, find, select
from orchestrator.playbook.engine.files import PlayFiles
from orchestrator.playbook.engine.gather import gathering
from orchestrator.playbook.engine.handlers import Handlers
from orchestrator.playbook.engine.identity import AskPassword, Password
from orchestrator.playbook.engine.includes import Includer
from orchestrator.playbook.engine.keywords import Reading
from orchestrator.playbook.engine.layers import Layers
from orchestrator.playbook.engine.lockstep import Course, Ending, Lockstep
from orchestrator.playbook.engine.plan import Leaf, Node, plant, with_forced_handlers
from orchestrator.playbook.engine.roster import Roster
from orchestrator.playbook.engine.shells import Opener, Shells
from orchestrator.playbook.engine.target import Ask, Services
from orchestrator.playbook.engine.variables import AllHostVars, PlayVariables, Variables, play_magic
from orchestrator.playbook.events import OnEvent, PlayStarted
from orchestrator.playbook.load import Loader
from orchestrator.playbook.load.tags import selected
from orchestrator.playbook.model import NOTHING, Play, Playbook, Task
from orchestrator.playbook.options import Options
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.templating import LookupContext, Templar, new_environment
from orchestrator.playbook.vault import Vault

# Stopping a command takes the pool 4.5 s at most (ssh/limits.py).
_GRACE = 6.0


@dataclass(frozen=True, slots=True)
class Means:
    """What playbooks are played with; see Player."""

    shells: Opener
    inventory: Inventory
    loader: Loader
    vault: Vault | None
    options: Options
    on_event: OnEvent
    become_password: AskPassword | None
    prompt: Ask | None
    secrets: Secrets


@dataclass(slots=True)
class _OnePlay:
    """A play under way: `hosts` are all it means, `removed` those that left it."""

    play: Play
    name: str
    variables: PlayVariables
    reading: Reading
    hosts: HostSet
    removed: set[str]


class Performance:
    """One run of `playbook`; `roster` knows what came of the hosts."""

    def __init__(self, means: Means, playbook: Playbook, shells: Shells, stop: asyncio.Event) -> None:
        self.roster = Roster()
        self._means = means
        self._playbook = playbook
        self._stop = stop
        self._numbers = count(1)
        self._dropped = ""
        self._lookups: dict[tuple[Path, ...], LookupContext] = {}
        lookups = LookupContext(base=playbook.path.absolute().parent, vault=means.vault)
        self._root = Templar(NOTHING, lookups=lookups, secrets=means.secrets, environment=new_environment())
        hostvars = AllHostVars(means.inventory, self._templar_of_host)
        told = {**_told(means.options, playbook), "hostvars": hostvars}
        self._variables = Variables(means.inventory, means.options.extra_vars, told)
        self._shop = Workshop(
            variables=self._variables,
            services=Services(shells, stop, means.vault, means.loader.vars_file, means.prompt, _GRACE),
            password=Password(means.become_password, means.secrets.add),
            templar=self._templar,
            find_host=lambda name: find(means.inventory, name),
            on_event=means.on_event,
            mask=means.secrets.mask,
            check=means.options.check,
            diff=means.options.diff,
            timeout=means.options.timeout,
        )

    async def plays(self) -> str:
        """Play one after the other; why it ended before its end, if it did."""
        for play in self._playbook.plays:
            if self._stop.is_set():
                break
            ended = await self._play(play)
            if ended is not None:
                return ended
        return "" if self._stop.is_set() else self._dropped

    @property
    def not_begun(self) -> tuple[str, ...]:
        """The hosts that any play means and on which nothing was done, in the order of the plays."""
        meant: dict[str, None] = {}
        for play in self._playbook.plays:
            with suppress(OrchestratorError):  # a play that was not come to, and would have ended the run
                meant |= dict.fromkeys(self._read(play).hosts.names)
        return tuple(name for name in meant if not self.roster.knows(name))

    def _read(self, play: Play) -> _OnePlay:
        """`play` with its hosts. Raises OrchestratorError."""
        variables = PlayVariables(play, self._variables.magic, lambda _: NOTHING)
        reading = Reading(self._root.fresh(self._variables.of_play(variables)), play.at)
        pattern = reading.rendered(play.hosts)
        name = str(reading.rendered(play.name)) or (pattern if isinstance(pattern, str) else ",".join(pattern))
        hosts = select(self._means.inventory, pattern, self._means.options.limit)
        variables.files = PlayFiles(play, self._means.loader.vars_file, self._root.fresh)
        return _OnePlay(play, name, variables, reading, hosts, set())

    async def _play(self, play: Play) -> str | None:
        """All batches of `play`; not None when nothing more shall begin."""
        one = self._read(play)
        hosts, reading = one.hosts, one.reading
        if not hosts:
            self._announce(one, hosts)
        for batch in batches(hosts, [reading.rendered(each) for each in play.serial]):
            if self._stop.is_set():
                break
            lost_before = self.roster.lost
            self._announce(one, batch)
            lockstep = self._lockstep(one, batch)
            ending = await lockstep.run()
            self._dropped = self._dropped or lockstep.aborted
            if ending is Ending.PLAY_OVER or self._stop.is_set():
                break
            # Ansible goes no further when a whole batch is lost.
            if ending is Ending.BREAK or self.roster.lost - lost_before == len(batch):
                return lockstep.aborted or self._nobody_left(one, batch)
        return None

    def _announce(self, one: _OnePlay, batch: HostSet) -> None:
        means = self._means
        name = means.secrets.mask(one.name)
        means.on_event(PlayStarted(name, batch.names, one.play.at, means.options.check))

    def _nobody_left(self, one: _OnePlay, batch: HostSet) -> str:
        """Why it ends here, when there was more to do."""
        last = one.play is self._playbook.plays[-1] and list(one.hosts)[-1].name in batch.names
        return "" if last else f"no host of {batch.folded} is left, so nothing after that was begun"

    def _lockstep(self, one: _OnePlay, batch: HostSet) -> Lockstep:
        """The play, ready to go on `batch`."""

        def name_of(task: Task) -> str:
            return str(self._root.fresh(self._variables.of_play(one.variables, task)).render(task.name, task.at))

        def left(removed: set[str]) -> None:
            told = play_magic(one.play, one.name, one.hosts, batch.names, removed)
            one.variables.magic = {**self._variables.magic, **told}

        handlers = Handlers((Leaf(task) for task in one.play.handlers), name_of)
        share = one.reading.rendered(one.play.max_fail_percentage)
        course = Course(
            shop=self._shop,
            roster=self.roster,
            play=one.variables,
            handlers=handlers,
            includer=Includer(self._means.loader, self._chosen, handlers, one.variables),
            numbers=self._numbers,
            window=self._means.options.window,
            left=left,
            max_fail=None if share is None else one.reading.number(share, "max_fail_percentage", 100),
        )
        return Lockstep(course, batch, self._nodes(one), one.removed)

    def _nodes(self, one: _OnePlay) -> tuple[Node, ...]:
        nodes = plant(one.play.steps, self._chosen)
        if one.reading.flag(one.play.force_handlers, "force_handlers"):
            nodes = with_forced_handlers(nodes)
        first = gathering(one.play)
        wanted = one.reading.flag(one.play.gather_facts, "gather_facts", True) and self._chosen(first)
        return (Leaf(first), *nodes) if wanted else nodes

    def _chosen(self, task: Task) -> bool:
        return selected(task, self._means.options.tags, self._means.options.skip_tags)

    def _templar(self, view: Layers, task: Task) -> Templar:
        lookups = self._lookups.get(task.search)
        if lookups is None:
            lookups = self._lookups[task.search] = replace(self._root.lookups, search=task.search)
        return self._root.fresh(view, lookups)

    def _templar_of_host(self, name: str) -> Templar:
        return self._root.fresh(self._variables.of_host(find(self._means.inventory, name)))


def _told(options: Options, playbook: Playbook) -> Mapping[str, Any]:
    """Variables that tell how the run was asked for (ansible-core, utils/vars.py, load_options_vars)."""
    told: dict[str, Any] = {
        "playbook_dir": str(playbook.path.absolute().parent),
        "ansible_check_mode": options.check,
        "ansible_diff_mode": options.diff,
        "ansible_forks": options.window,
        "ansible_run_tags": list(options.tags) or ["all"],
        "ansible_skip_tags": list(options.skip_tags),
        "ansible_verbosity": 0,
    }
    return told if options.limit is None else {**told, "ansible_limit": options.limit}
