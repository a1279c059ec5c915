"""Targets of the suite: the same host contract over different transports."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Keys, Limits, Pool, Shell, Trust
from orchestrator.ssh.exchange import Channel, Receiver
from orchestrator.ssh.local import Here, WayHere
from tests.lab.lab import Lab
from tests.ssh import inprocess
from tests.sshd import Fleet, fleet

QUICK = Limits(
    connect_timeout=5.0,
    keepalive=1.0,
    keepalive_count=2,
    kill_timeout=15.0,  # a busy machine takes seconds to look through all its processes
    drain=0.5,
    backoff_first=0.2,
    backoff_last=1.0,
)
SILENT = replace(QUICK, keepalive=30.0, kill_timeout=3.0)  # for a host that answers nothing any more
RELEASES = ("bullseye", "bookworm", "trixie")
TRANSPORTS = ["inprocess", "sshd", "local", *(pytest.param(name, marks=pytest.mark.lab) for name in RELEASES)]
SHELLS = ["bash", "busybox"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the lab as a fixture of the tests whose target lives there, so that its trees are made beforehand."""
    for item in items:
        if isinstance(item, pytest.Function) and "target" in item.fixturenames and item.get_closest_marker("lab"):
            item.fixturenames = [*item.fixturenames, "lab_releases"]  # a new list: the old one is shared


@dataclass
class Target:
    """A host, a pool that reaches it, and an independent look at its processes."""

    pool: Pool
    host: Host
    _matching: Callable[[str], list[str]]

    way: WayHere | None = None

    def shell(self) -> Shell:
        """A prepared shell on the host."""
        way = self.way
        return self.pool.shell(self.host) if way is None else Shell(self.host, None, lambda: way, QUICK)

    def running(self, mark: str) -> list[str]:
        """Arguments of processes that hold `mark`, as the host itself sees them."""
        return self._matching(mark)

    async def until_running(self, mark: str, *, wanted: bool = True) -> None:
        """Wait, up to 40 s, until such processes are there, or are gone."""
        async with asyncio.timeout(40):
            while bool(self.running(mark)) is not wanted:  # noqa: ASYNC110  the host has no event to wait for
                await asyncio.sleep(0.02)


def here(mark: str) -> list[str]:
    """Processes of this machine with `mark` among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if mark.encode() in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture(scope="session")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Four sshds for tests that leave them as they are."""
    with fleet(tmp_path_factory.mktemp("fleet") / "home", 4) as servers:
        yield servers


@pytest.fixture
def own_fleet(tmp_path: Path) -> Iterator[Fleet]:
    """An empty fleet for tests that break things."""
    with fleet(tmp_path / "home") as servers:
        yield servers


@pytest.fixture(scope="session")
def releases(lab_releases: Lab) -> Lab:
    """One host a release."""
    return lab_releases


@dataclass
class HereIn(Here):
    """This machine, with another program for /bin/sh and another PATH."""

    program: str
    path: str

    async def spawn(self, line: str, exchange: Receiver) -> Channel:
        """See Spawner."""
        return await super().spawn(
            line.replace("exec $r /bin/sh", f"PATH={self.path}; exec $r {self.program}"), exchange
        )


def way_through(shell: str, folder: Path) -> WayHere:
    """This machine with ``bash``, or with ``busybox`` and nothing but its applets, for /bin/sh."""
    way = WayHere()
    if shell == "busybox":
        busybox = shutil.which("busybox")
        assert busybox is not None, "apt-get install busybox"
        for applet in subprocess.check_output([busybox, "--list"], text=True).split():
            (folder / applet).symlink_to(busybox)
        way.reserve = HereIn(f"{busybox} sh", str(folder))
    else:
        way.reserve = HereIn("bash --posix", "/usr/sbin:/usr/bin:/sbin:/bin")
    return way


@pytest.fixture(params=TRANSPORTS)
async def target(request: pytest.FixtureRequest, shared_fleet: Fleet, tmp_path: Path) -> AsyncIterator[Target]:
    """One host over each transport, or this machine with another shell."""
    keys = tmp_path / "keys"
    shutil.copytree(shared_fleet.keys, keys)
    async with AsyncExitStack() as stack:
        look = here
        if request.param == "inprocess":
            host = await stack.enter_async_context(
                inprocess.server(tmp_path / "server", "127.0.3.1", keys / "authorized_keys")
            )
            kind, data = (tmp_path / "server/host_key.pub").read_text().split()[:2]
            (keys / "known_hosts").write_text(f"[{host.address}]:{host.port} {kind} {data}\n")
        elif request.param == "sshd":
            host = shared_fleet.hosts()[0]
        elif request.param in RELEASES:
            lab: Lab = request.getfixturevalue("releases")
            machine = next(host for host in lab.hosts if host.release == request.param)
            (keys / "known_hosts").write_text(lab.known_hosts())
            host = Host(machine.name, machine.address, user="root", key=str(lab.key))

            def look(mark: str) -> list[str]:
                arguments = machine.run("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'", check=False).stdout
                return [argument for argument in arguments.splitlines() if mark in argument]

        else:
            host = Host("Server", "localhost", local=True)
        pool = Pool(trust=Trust(keys / "known_hosts"), keys=Keys(keys), limits=QUICK)
        await stack.enter_async_context(pool)
        if request.param in SHELLS:
            (tmp_path / "applets").mkdir()
            yield Target(pool, host, look, way_through(request.param, tmp_path / "applets"))
        else:
            yield Target(pool, host, look)


@pytest.fixture
async def pool_of() -> AsyncIterator[Callable[..., Pool]]:
    """Makes pools over a keys folder, closed after the test."""
    async with AsyncExitStack() as stack:
        pools: list[Pool] = []

        def make(keys: Path, limits: Limits = QUICK, **more: Any) -> Pool:
            pool = Pool(trust=Trust(keys / "known_hosts"), keys=Keys(keys), limits=limits, **more)
            pools.append(pool)
            stack.push_async_callback(pool.close)
            return pool

        yield make
