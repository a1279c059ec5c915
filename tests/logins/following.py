"""Followers of the lab's hosts, with a store of their own, and what they have put down."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.fleet.hostctl import INSTALLED, HostCtl
from orchestrator.inventory import Host
from orchestrator.logins.follow import Followers, Following
from orchestrator.ssh import Command, Keys, Pool, Trust
from orchestrator.store import Database
from orchestrator.store.logins import LoginLog, Query, StoredEvent
from tests.ssh.conftest import QUICK


@dataclass(frozen=True)
class Watch:
    """Followers that run, what they reach the hosts by, and where they put it."""

    pool: Pool
    log: LoginLog
    followers: Followers

    async def events(self, host: str, **wanted: str) -> list[StoredEvent]:
        """What was put down of `host`, narrowed to fields of the JSON object."""
        found = await self.log.find(Query(hosts=[host], limit=1_000_000))
        return [event for event in found if all(event.event[name] == value for name, value in wanted.items())]

    async def users(self, host: str, kind: str = "login") -> Counter[str]:
        """How often each user was seen."""
        users: Counter[str] = Counter()
        for event in await self.events(host, kind=kind):
            users[event.user] += event.count
        return users


def hostctl(source: str = "auto") -> Callable[[str, str, str], Command]:
    """The command that follows `source`, whatever log a host would choose by itself, and is less patient than ours."""
    script = HostCtl.packaged().script
    for name, seconds in ((b"TICK", 5), (b"JOURNALD", 3)):
        patient = b"%s_SECONDS=%d" % (name, seconds)
        assert patient in script
        script = script.replace(patient, b"%s_SECONDS=1" % name)
    packaged = HostCtl(script)
    return lambda wanted, known, position: packaged.follow(source if wanted == "auto" else wanted, known, position)


@asynccontextmanager
async def watch(
    folder: Path, known_hosts: str, hosts: Sequence[Host], *, source: str = "auto", since: float = 0.0
) -> AsyncIterator[Watch]:
    """Follow `hosts` while the block lasts; what is in `folder` is kept from one time to the next."""
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / "known_hosts").write_text(known_hosts)
    database = await Database.open(folder / "state.db")
    try:
        async with Pool(trust=Trust(folder / "known_hosts"), keys=Keys(folder), limits=QUICK) as pool:
            pool.keep(hosts)
            log = LoginLog(database)
            followers = Followers(pool, hostctl(source), log, INSTALLED, since=since)
            followers.keep(hosts)
            try:
                yield Watch(pool, log, followers)
            finally:
                await followers.stop()
    finally:
        await database.close()


async def until(look: Callable[[], Awaitable[object]], seconds: float = 40) -> None:
    """Wait for what `look` gives to be true."""
    end = time.monotonic() + seconds
    while not await look():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.03)


async def followed(watched: Watch, *hosts: str) -> None:
    """Wait until each of `hosts` is followed."""

    async def all_of_them() -> bool:
        states = watched.followers.states()
        return all(states[host].state is Following.YES for host in hosts)

    await until(all_of_them)
