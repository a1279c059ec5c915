"""Bootstrap and retire: from hosts that can be logged in to, to managed ones, and back.

The order is what keeps people from being locked out: the new way in is proven over a connection of its own before the
inventory says so, and nothing of the old way is touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from orchestrator.bootstrap.exporters import Fetch, fetch_for
from orchestrator.bootstrap.ledger import Ledger
from orchestrator.bootstrap.model import Credentials, HostOutcome, Manner, OnStep, Outcome, Step, Surveyed
from orchestrator.bootstrap.names import behind, forwards_of, wants_exporter, wants_release
from orchestrator.bootstrap.playing import Given, OpenPlaybooks, Playing, find_playbook
from orchestrator.bootstrap.proof import Proof
from orchestrator.bootstrap.scraped import Ask, scraped
from orchestrator.bootstrap.steps import Steps
from orchestrator.bootstrap.survey import Surveyor
from orchestrator.bootstrap.ways import Ways
from orchestrator.inventory import Host, HostSet
from orchestrator.inventory.edit import Editor
from orchestrator.monitor.direct import DirectScraping
from orchestrator.playbook.events import OnEvent
from orchestrator.ssh import Authority, Passwords, Pool, Status, Trust
from orchestrator.ssh.certificates import shares_address

_T = TypeVar("_T")
_R = TypeVar("_R")
_WINDOW = 64  # hosts looked at, or proven, at once


async def _unwatched(_: Sequence[Host]) -> None:
    """Nobody waits for what comes after."""


OpenPool = Callable[[Passwords | None], Pool]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the work needs of the program.

    Pools of its own, with and without passwords; playbooks played over given shells, those in `folder` first; the
    public keys that open a host's account, which are those we offer it; what keeps our keys from being replaced while a
    block lasts; all hosts of the inventory in force, and how it is edited; node_exporter releases; our certificate
    authority, whether there is one or not; why Prometheus has no reading of hosts; what exporters that are read
    directly prove themselves with.
    """

    open_pool: OpenPool
    open_playbooks: OpenPlaybooks
    folder: Path
    trust: Trust
    public_keys: Callable[[Host], Awaitable[Sequence[str]]]
    giving_keys: Callable[[], AbstractContextManager[None]]
    hosts: Callable[[], HostSet]
    editor: Editor
    fetch_exporter: Fetch
    authority: Authority
    absence: Ask
    direct: DirectScraping


class Bootstrap:
    """One person's bootstrap or retirement of hosts, with the `credentials` given for it.

    An async context manager: what it opens is closed at its end. Whoever calls has gone through the door.

    >>> async with app.bootstrap(Credentials(login=password)) as work:  # doctest: +SKIP
    ...     surveyed = await work.survey(hosts)
    ...     outcome = await work.run(surveyed)
    """

    def __init__(self, parts: Parts, credentials: Credentials) -> None:
        self._parts = parts
        self._credentials = credentials
        self._chosen: set[str] = set()
        self._pool = parts.open_pool(self._password)
        self._ledger = Ledger(parts.editor, parts.trust)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def survey(
        self,
        hosts: Iterable[Host],
        *,
        account: str | None = None,
        stop: asyncio.Event | None = None,
        on_surveyed: Callable[[Surveyed], None] = lambda _: None,
    ) -> list[Surveyed]:
        """How each of `hosts` was found, in their order; nothing is changed on any.

        A host whose key is unknown is not logged in to: ask a person, `trust` it, and survey that host again. `account`
        is whom they are to be managed as, where the inventory shall not say. A host that refused a login is not tried
        again by this object. Raises UsageError for variables that cannot be meant, and KeyFileError.
        """
        stop = stop or asyncio.Event()
        chosen = list(hosts)
        self._chosen |= {host.name for host in chosen}
        surveyor = Surveyor(self._pool, self._parts.trust, self._credentials)

        async def look(host: Host) -> Surveyed:
            found = await surveyor.look(host, account, stop)
            on_surveyed(found)
            return found

        return await _side_by_side(look, chosen)

    def trust(self, surveyed: Iterable[Surveyed]) -> None:
        """Pin the keys that these hosts showed: a person has confirmed their fingerprints. Raises KeyFileError."""
        for found in surveyed:
            if found.wants_trust and found.shown is not None:
                self._parts.trust.pin(found.host, found.shown)

    async def run(
        self,
        surveyed: Sequence[Surveyed],
        manner: Manner | None = None,
        *,
        on_event: OnEvent = lambda _: None,
        on_step: OnStep = lambda _: None,
        stop: asyncio.Event | None = None,
    ) -> Outcome:
        """Bootstrap those of `surveyed` that are ready; the others are in the outcome as they were found.

        `on_event` is told what the playbook does, `on_step` of each step besides. Once `stop` is set nothing further is
        begun. Raises what reading the playbook raises, and SettingsError while our key is being replaced, before
        anything is done.
        """
        with self._parts.giving_keys():  # else a key that was destroyed meanwhile would take the new one's place
            return await self._bootstrap(surveyed, manner or Manner(), on_event, on_step, stop or asyncio.Event())

    async def retire(
        self,
        surveyed: Sequence[Surveyed],
        manner: Manner | None = None,
        *,
        forget: bool = False,
        on_event: OnEvent = lambda _: None,
        on_step: OnStep = lambda _: None,
        stop: asyncio.Event | None = None,
    ) -> Outcome:
        """Take away from each ready host what bootstrap added; see `run`.

        The inventory goes back to the login user afterwards, or with `forget` loses the host and its pinned key.
        """
        steps, manner = Steps(surveyed, on_step), manner or Manner()
        path = find_playbook(self._parts.folder, "retire.yml")
        playing = Playing(path, steps.ready, manner=manner)
        for found in () if manner.check else steps.ready.values():
            self._parts.authority.pin_instead(found.host, self._parts.trust)

        async def prove(found: Surveyed, proof: Proof) -> None:
            steps.tell(await proof.of_the_end(found))

        write = self._ledger.forgotten if forget else self._ledger.retired
        return await self._work(steps, playing, on_event, stop or asyncio.Event(), prove=prove, write=write)

    # -- inside

    async def _bootstrap(
        self, surveyed: Sequence[Surveyed], manner: Manner, on_event: OnEvent, on_step: OnStep, stop: asyncio.Event
    ) -> Outcome:
        steps = Steps(surveyed, on_step)
        path = find_playbook(self._parts.folder, "bootstrap.yml")
        releases = await self._releases(steps, manner)
        given = {name: await self._given(found.host, manner) for name, found in steps.ready.items()}
        playing = Playing(path, steps.ready, manner=manner, given=given, releases=releases)

        async def prove(found: Surveyed, proof: Proof) -> None:
            places = behind(found.host, self._parts.hosts())
            async for step in proof.of_the_new_way(found, places, exporter=manner.exporter, stop=stop):
                steps.tell(step)

        async def watch(managed: Sequence[Host]) -> None:
            hosts = [host.name for host in managed if manner.exporter and wants_exporter(host)]
            async for step in scraped(self._parts.absence, hosts, stop):
                steps.tell(step)

        return await self._work(steps, playing, on_event, stop, prove=prove, write=self._ledger.managed, watch=watch)

    async def _work(
        self,
        steps: Steps,
        playing: Playing,
        on_event: OnEvent,
        stop: asyncio.Event,
        *,
        prove: Callable[[Surveyed, Proof], Awaitable[None]],
        write: Callable[[Surveyed], Step],
        watch: Callable[[Sequence[Host]], Awaitable[None]] = _unwatched,
    ) -> Outcome:
        """Play, prove, and only then tell the inventory; a host that fails at one of them goes no further."""
        ready, check = steps.ready, playing.check
        endings: Mapping[str, HostOutcome] = {}
        if ready:
            ways = Ways(self._pool, ready, self._credentials)
            endings = await playing.play(self._parts.open_playbooks(ways.shell), on_event, stop)
        if not check:
            played = [ready[name] for name, ending in endings.items() if ending.status is Status.OK]
            async with self._parts.open_pool(None) as pool:
                await _side_by_side(lambda found: prove(found, Proof(pool)), played)
            proven = [found for found in played if steps.judged(endings[found.host.name]).status is Status.OK]
            for found in proven:  # one after the other: they all edit the same file
                steps.tell(await asyncio.to_thread(write, found))
            await watch([found.host for found in proven])
        return steps.outcome(endings.values(), check=check, stopped=stop.is_set())

    async def _given(self, host: Host, manner: Manner) -> Given:
        """What the playbook gets for one host."""
        parts = self._parts
        vouched_for = not shares_address(host, parts.hosts())
        keep = not manner.check
        return Given(
            keys=await parts.public_keys(host),
            certificate=await parts.authority.certificate_for(host, parts.trust, keep=keep) if vouched_for else "",
            forward=forwards_of(host, parts.hosts()),
            exporter=await asyncio.to_thread(parts.direct.secrets_for, host) if host.direct else None,
        )

    async def _releases(self, steps: Steps, manner: Manner) -> Path | None:
        """The folder with node_exporter for the machines that are ready; why one has none is told as a step."""
        if not manner.exporter or manner.exporter_file is not None:
            return None
        machines = {
            name: found.facts.machine
            for name, found in steps.ready.items()
            if found.facts and wants_release(found.host)
        }
        folder, missing = await fetch_for(machines.values(), self._parts.fetch_exporter)
        for name, machine in machines.items():
            if machine in missing:
                what = f"the distribution's package is tried, as there is no release: {missing[machine]}"
                steps.tell(Step(name, "release", None, what))
        return folder

    def _password(self, host: Host) -> str | None:
        """The login password, for those hosts alone that somebody asked to be bootstrapped."""
        return self._credentials.login if host.name in self._chosen else None


async def _side_by_side(work: Callable[[_T], Awaitable[_R]], things: Iterable[_T]) -> list[_R]:
    """What `work` gave for each of `things`, in their order; the first that raises ends all."""
    window = asyncio.Semaphore(_WINDOW)

    async def one(thing: _T) -> _R:
        async with window:
            return await work(thing)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(thing)) for thing in things]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
