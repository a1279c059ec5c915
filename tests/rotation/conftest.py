"""Hosts whose account has a home and authorized_keys of its own, and a rotation over them in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.inventory.model import Host
from orchestrator.rotation import Ledger, Rotation, Standing, Step
from orchestrator.ssh import Command, Keys, Limits, Pool, Status, Succession, Trust, Turn
from tests.sshd import Fleet, Sshd, fleet

LIMITS = Limits(connect_timeout=5.0, drain=0.5)


@dataclass
class Site:
    """A fleet and our home. `hosts` are all of its servers, web1, web2 ..."""

    fleet: Fleet
    told: list[tuple[Step, str]] = field(default_factory=list)
    looking: Callable[[], None] = lambda: None
    """Called after each step."""

    @property
    def keys(self) -> Path:
        return self.fleet.keys

    @property
    def hosts(self) -> list[Host]:
        return self.fleet.hosts()

    @property
    def files(self) -> Succession:
        return Succession(self.keys)

    def turn(self) -> Turn:
        return self.files.turn

    def authorized(self, number: int) -> Path:
        """authorized_keys of the account on web`number`."""
        home = self.fleet.servers[number - 1].home
        assert home is not None
        return home / ".ssh" / "authorized_keys"

    def add(self, *options: str) -> Sshd:
        return self.fleet.add(*options, own_home=True)

    async def rotate(
        self,
        chosen: Sequence[Host] | None = None,
        *,
        everyone: Sequence[Host] | None = None,
        killed_after: int = 0,
        keys: Keys | None = None,
    ) -> dict[str, Standing]:
        """Rotate on `chosen` of `everyone`, by default on all servers.

        With `killed_after` the process dies right after so many steps.
        """
        self.told.clear()

        def tell(step: Step, host: str) -> None:
            self.told.append((step, host))
            self.looking()
            if len(self.told) == killed_after:
                os._exit(9)

        keys = keys or Keys(self.keys)
        async with Pool(trust=Trust(self.keys / "known_hosts"), keys=keys, limits=LIMITS) as pool:
            ledger = Ledger(self.fleet.folder / "rotation")
            rotation = Rotation(pool, keys, self.files, ledger, stop=asyncio.Event(), tell=tell)
            known = self.hosts if everyone is None else everyone
            outcome = await rotation.run(known if chosen is None else chosen, known, "new key")
        return {standing.host: standing for standing in outcome.standings}

    def rotate_and_die(self, after: int) -> bool:
        """Rotate in a process that is gone after its `after`-th step; False if it came to its end before."""

        def die() -> None:
            asyncio.run(self.rotate(killed_after=after))

        process = multiprocessing.get_context("fork").Process(target=die)
        process.start()
        process.join(60)
        assert process.exitcode in (0, 9), process.exitcode
        return process.exitcode == 9

    async def reached(self) -> set[Status]:
        """How a command ends on all hosts for whoever uses the keys folder as it is now."""
        async with Pool(trust=Trust(self.keys / "known_hosts"), keys=Keys(self.keys), limits=LIMITS) as pool:
            results = await asyncio.gather(*(pool.run(host, Command("true")) for host in self.hosts))
        return {result.status for result in results}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fleet(tmp_path / "home") as servers:
        yield Site(servers)


def lets_in(server: Sshd, key: Path) -> bool:
    """Whether the stock client gets in with this key alone."""
    options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
    ssh = shutil.which("ssh")
    assert ssh is not None
    argv = [ssh, "-F", "none", "-i", str(key), "-p", str(server.port), *(f"-o{option}" for option in options)]
    done = subprocess.run(
        [*argv, server.address, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
    )
    return done.returncode == 0
