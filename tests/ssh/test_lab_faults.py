"""Faults that only a whole host can have: a pulled cable, a silent one, a frozen sshd, a reboot, a new identity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, Keys, Phase, Pool, Status, Trust
from tests.lab.lab import Lab
from tests.ssh.conftest import QUICK
from tests.ssh.test_faults import beside, until

pytestmark = pytest.mark.lab
TRUE = Command("true")


@pytest.fixture
async def pool(lab: Lab, tmp_path: Path) -> AsyncIterator[Pool]:
    (tmp_path / "known_hosts").write_text(lab.known_hosts())
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path), limits=QUICK) as pool:
        yield pool


@pytest.fixture
def hosts(lab: Lab) -> list[Host]:
    return [Host(host.name, host.address, user="root", key=str(lab.key)) for host in lab.hosts]


@pytest.mark.parametrize("fault", ["drop", "cut", "freeze", "reset", "power_off"])
async def test_host_that_goes_away_while_a_command_runs(lab: Lab, pool: Pool, hosts: list[Host], fault: str) -> None:
    started = asyncio.Event()
    running = asyncio.create_task(
        pool.run(hosts[0], Command("echo begun; sleep 300"), on_output=lambda *_: started.set())
    )
    await asyncio.wait_for(started.wait(), 10)
    await asyncio.to_thread(getattr(lab.hosts[0], fault))
    begun = time.monotonic()
    result = await running
    assert time.monotonic() - begun < QUICK.keepalive * (QUICK.keepalive_count + 1) + 2
    assert (result.status, result.stdout, result.may_be_alive) == (Status.LOST, b"begun\n", True)
    begun = time.monotonic()
    again = await beside(pool, hosts[1], hosts[0], TRUE)
    assert again.status is Status.UNREACHABLE
    assert time.monotonic() - begun < QUICK.connect_timeout + 2


async def test_reboot_while_a_command_runs(lab: Lab, pool: Pool, hosts: list[Host]) -> None:
    pool.keep(hosts)
    await until(lambda: pool.state(hosts[0]).phase is Phase.UP)
    started = asyncio.Event()
    running = asyncio.create_task(pool.run(hosts[0], Command("echo x; sleep 300"), on_output=lambda *_: started.set()))
    await asyncio.wait_for(started.wait(), 10)
    await asyncio.to_thread(lab.hosts[0].reboot)
    result = await running
    assert result.status is not Status.OK
    assert result.exit_code != 0
    await until(lambda: pool.state(hosts[0]).phase is Phase.UP, 30)
    assert (await pool.run(hosts[0], TRUE)).status is Status.OK


async def test_reinstalled_host(lab: Lab, pool: Pool, hosts: list[Host]) -> None:
    assert (await pool.run(hosts[0], TRUE)).status is Status.OK
    old = lab.hosts[0].fingerprint
    await asyncio.to_thread(lab.hosts[0].change_host_key)
    await asyncio.to_thread(lab.hosts[0].kill_sessions)
    result = await beside(pool, hosts[1], hosts[0], TRUE)
    assert result.status is Status.HOST_KEY_CHANGED
    assert lab.hosts[0].fingerprint in result.detail
    assert old in result.detail


async def test_disk_full(lab: Lab, pool: Pool, hosts: list[Host]) -> None:
    """Nothing of ours needs room on the host."""
    await asyncio.to_thread(lab.hosts[0].tmpfs, "/tmp", "64k")
    await asyncio.to_thread(lab.hosts[0].run, "cat /dev/zero >/tmp/full", check=False)
    result = await pool.run(hosts[0], Command("wc -c\n" + "#" * 300_000, stdin=b"x" * 300_000))
    assert (result.status, result.out) == (Status.OK, "300000\n")


async def test_lossy_network(lab: Lab, pool: Pool, hosts: list[Host]) -> None:
    assert (await pool.run(hosts[0], TRUE)).status is Status.OK
    await asyncio.to_thread(lab.hosts[0].loss, 10)
    result = await pool.run(hosts[0], Command("head -c 200000 /dev/urandom | tee /dev/stderr", timeout=30))
    assert result.status in (Status.OK, Status.LOST)
    if result.status is Status.OK:
        assert result.stdout == result.stderr
        assert len(result.stdout) == 200_000
