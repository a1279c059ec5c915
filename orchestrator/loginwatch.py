"""Logins, joined: the followers of the hosts' logs, what they put down, what is told of it, and how it stands."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from orchestrator.errors import StoreError
from orchestrator.fleet.hostctl import INSTALLED, HostCtl
from orchestrator.inventory import Host, Inventory
from orchestrator.logins.book import LoginBook
from orchestrator.logins.details import comment_of, reverse_name
from orchestrator.logins.follow import Followers, Following, FollowState
from orchestrator.logins.greeting import greet
from orchestrator.logins.keyfiles import Look
from orchestrator.logins.keywatch import KeyWatch
from orchestrator.logins.leaving import Leaving
from orchestrator.monitor.meters import Gauges, Labelled
from orchestrator.ssh import Keys, Pool
from orchestrator.store import Database
from orchestrator.store.loginrules import LoginRuleTable
from orchestrator.store.logins import LoginLog
from orchestrator.store.loginsessions import SessionRow
from orchestrator.tasks import begin

log = logging.getLogger(__name__)

FLUSH_S = 0.5
CHOOSE_S = 5.0
LOOK_S = 30.0
_LOOKS = 20  # at a time for what is nice to know of logins; in a storm of them it is left out
SETTLED_S = 20.0
"""After a host was reached again: what its log says of sessions that it ended itself was read by then."""


class LoginWatch:
    """`log` is what is known of logins; `book` makes sessions of it, and letters.

    On first contact a host's log is read from `since` (seconds) ago on.
    """

    def __init__(self, database: Database, pool: Pool, keys: Keys, book: LoginBook, *, since: float = 0.0) -> None:
        self.log = LoginLog(database, book.told, book.lost)
        self._book = book
        self._pool = pool
        self._offered = keys
        follow = HostCtl.packaged().follow
        self._followers = Followers(pool, follow, self.log, INSTALLED, since=since, greet=self._greet)
        self._keys = KeyWatch(pool, follow, self._looked)
        self._rules = LoginRuleTable(database)
        self._leaving = Leaving(database, book)
        self._reached: dict[str, float] = {}
        self._inventory = Inventory()
        self._hosts: Mapping[str, Host] = {}
        self._looking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def following(
        self, current: Inventory, subscribe: Callable[[Callable[[Inventory], None]], None]
    ) -> AsyncIterator[None]:
        """Follow the logs of all hosts and of this machine while the block lasts; one process a home does.

        `subscribe` tells of other inventories than the `current` one.
        """

        def keep(inventory: Inventory) -> None:
            self._inventory = inventory
            self._hosts = {host.name: host for host in followed(inventory)}
            self._leaving.keep(self._hosts.values())
            self._followers.keep(self._hosts.values())

        keep(current)
        subscribe(keep)
        tasks = {
            begin(self._tell(), "tell logins"),
            begin(self._choose(), "watch keys"),
            begin(self._let_go(), "let go of hosts that left"),
        }
        try:
            yield
        finally:
            tasks |= self._looking
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._keys.stop()
            await self._followers.stop()

    async def _greet(self, host: Host) -> None:
        """Know it again, and learn how a host sees us, and which boot of it it is."""
        await self._leaving.settle(host.name)
        await self._book.greet(host.name, await greet(host, self._pool.run, self._pool.method))
        self._reached[host.name] = time.monotonic() + SETTLED_S

    async def _looked(self, name: str, look: Look) -> None:
        """Take in which keys open the accounts of a host, knowing what we come in with there."""
        host = self._hosts.get(name)
        offered = await self._offered.fingerprints(host) if host and not host.local else frozenset()
        named = host is not None and host.key is not None
        await self._book.looked(name, look, mine=offered if named else (), offered=offered)

    async def _look(self, row: SessionRow) -> None:
        """Add to a login what was not worth waiting for."""
        host = self._hosts.get(row.host)
        try:
            comment = await comment_of(row, host, self._pool.run) if host else ""
            reverse = await reverse_name(row.address)
            if comment or reverse:
                await self._book.describe(row, reverse=reverse, comment=comment)
        except StoreError as error:
            log.warning("a login of %s stays without details: %s", row.host, error)

    async def _tell(self) -> None:
        """Tell what is due, until cancelled."""
        while True:
            try:
                await self._book.flush()
                for row in self._book.newcomers()[: _LOOKS - len(self._looking)]:
                    task = asyncio.create_task(self._look(row))
                    self._looking.add(task)
                    task.add_done_callback(self._looking.discard)
                for host, due in list(self._reached.items()):
                    if time.monotonic() >= due:
                        await self._book.settle(host)
                        if self._reached[host] == due:  # it was not reached anew meanwhile
                            del self._reached[host]
            except StoreError as error:
                log.error("news of logins waits: %s", error)
            except Exception:  # a mistake of ours, in one of them: the others are told all the same
                log.exception("news of logins")
            await asyncio.sleep(FLUSH_S)

    async def _choose(self) -> None:
        """Look at the keys of hosts where a rule, maybe of another process, wants it; until cancelled."""
        while True:
            try:
                self._keys.keep(await self.wanted(self._hosts.values()))
            except StoreError as error:
                log.error("whose keys are looked at is not known: %s", error)
            await asyncio.sleep(CHOOSE_S)

    async def _let_go(self) -> None:
        """Let go of what left the inventory, until cancelled."""
        while True:
            try:
                await self._leaving.look(self._inventory)
            except StoreError as error:
                log.error("what left the inventory is kept: %s", error)
            await asyncio.sleep(LOOK_S)

    def states(self) -> Mapping[str, FollowState]:
        """How the following of each host stands, by its name; empty while nothing is followed."""
        return self._followers.states()

    def unwatched(self) -> Mapping[str, str]:
        """On which hosts that are there new keys are not noticed, or not all, though a rule wants it, and why."""
        states = self.states()
        away = {name for name, state in states.items() if state.state is Following.AWAY}
        return {name: why for name, why in self._keys.problems.items() if name not in away}

    async def wanted(self, hosts: Iterable[Host]) -> Sequence[Host]:
        """Those of `hosts` on which a rule wants that new keys are noticed. Raises StoreError."""
        rows = await self._rules.rows()
        return [host for host in hosts if self._book.wants_keys(rows, host.name)]

    @property
    def gauges(self) -> Gauges:
        """The same as figures."""
        states = self.states()
        followed: dict[tuple[str, ...], float] = {
            (name,): float(state.state is Following.YES) for name, state in states.items()
        }
        lags: dict[tuple[str, ...], float] = {
            (name,): state.lag for name, state in states.items() if state.lag is not None
        }
        return {
            "logins_followed": ("1 while the host's log of logins is followed", Labelled(("host",), followed)),
            "logins_lag_seconds": ("How long after it was written the newest event came", Labelled(("host",), lags)),
        }


def followed(inventory: Inventory) -> Sequence[Host]:
    """All hosts and this machine, but once if the inventory has a name for it: its logins would be told twice."""
    hosts = tuple(inventory.hosts)
    return hosts if any(host.local for host in hosts) else (*hosts, inventory.server)
