"""Acting as another user, on real hosts with real sudo."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh import Command, Keys, Pool, Status, Trust
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.ssh.conftest import QUICK, RELEASES
from tests.ssh.test_behaviour import mark

pytestmark = pytest.mark.lab
PASSWORD = "pass wörd $x"


@pytest.fixture(params=RELEASES)
def machine(request: pytest.FixtureRequest, releases: Lab) -> Iterator[LabHost]:
    """A host with two more accounts: `paul` needs a password for sudo, `nora` may not use it at all."""
    machine = next(host for host in releases.hosts if host.release == request.param)
    setup = f"""
    for user in paul nora; do
        id $user >/dev/null 2>&1 || useradd -m -s /bin/bash $user
        mkdir -p /home/$user/.ssh && cp /home/ops/.ssh/authorized_keys /home/$user/.ssh/
        chown -R $user: /home/$user/.ssh
    done
    echo 'paul:{PASSWORD}' | chpasswd
    echo 'paul ALL=(ALL) ALL' > /etc/sudoers.d/paul
    """
    machine.run(setup)
    yield machine
    machine.run("rm -f /etc/sudoers.d/paul; rm -rf /run/sudo/ts")


@pytest.fixture
def host(machine: LabHost, releases: Lab) -> Host:
    return Host(machine.name, machine.address, user="ops", key=str(releases.key))


@pytest.fixture
async def pool(releases: Lab, tmp_path: Path) -> AsyncIterator[Pool]:
    (tmp_path / "known_hosts").write_text(releases.known_hosts())
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(
            Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path), limits=QUICK)
        )


def running(machine: LabHost, name: str) -> bool:
    return name in machine.run("cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'", check=False).stdout


async def test_without_a_password(pool: Pool, host: Host) -> None:
    result = await pool.run(host, Command("id -un; cat; echo $HOME", stdin=b"in\n", become=True))
    assert (result.status, result.out, result.stderr) == (Status.OK, "root\nin\n/root\n", b"")
    assert (await pool.run(host, Command("id -un"))).out == "ops\n"
    other = replace(host, become=Become(user="nora"))
    assert (await pool.run(other, Command("id -un"))).out == "nora\n"


async def test_with_a_password_that_goes_to_sudo_only(pool: Pool, host: Host) -> None:
    paul = replace(host, user="paul", become=Become(password=PASSWORD))
    for _ in range(2):
        result = await pool.run(paul, Command("id -un; cat; tr '\\0' ' ' </proc/$$/environ | wc -l", stdin=b"in\n"))
        assert (result.status, result.out) == (Status.OK, "root\nin\n0\n"), result
        assert PASSWORD not in result.err
    not_asked = replace(host, become=Become(password=PASSWORD))
    result = await pool.run(not_asked, Command("cat", stdin=b"in\n"))
    assert (result.status, result.out) == (Status.OK, "in\n"), "sudo that asks nothing must not leave it in the input"


async def test_wrong_password_is_tried_once(pool: Pool, host: Host, machine: LabHost) -> None:
    paul = replace(host, user="paul", become=Become(password="wrong"))
    result = await pool.run(paul, Command("id -un", timeout=20))
    assert (result.status, result.stdout) == (Status.FAILED, b"")
    assert "password" in result.detail
    assert result.duration < 19
    journal = machine.run("journalctl -q --since -1min").stdout
    assert "paul" in journal
    assert "3 incorrect" not in journal


async def test_not_allowed(pool: Pool, host: Host) -> None:
    for become in (Become(), Become(password="any")):
        result = await pool.run(replace(host, user="nora", become=become), Command("id -un", timeout=20))
        assert (result.status, result.stdout) == (Status.FAILED, b"")
        assert "never started" in result.detail
        assert result.stderr


async def test_password_needed_and_none_given(pool: Pool, host: Host) -> None:
    result = await pool.run(replace(host, user="paul", become=Become()), Command("id -un", timeout=20))
    assert (result.status, result.exit_code, result.stdout) == (Status.FAILED, 1, b"")
    assert "never started" in result.detail


@pytest.mark.parametrize("password", [None, "any"])
async def test_host_without_sudo(pool: Pool, host: Host, machine: LabHost, password: str | None) -> None:
    machine.run("mv /usr/bin/sudo /root/sudo")
    try:
        result = await pool.run(replace(host, become=Become(password=password)), Command("id -un", timeout=20))
    finally:
        machine.run("mv /root/sudo /usr/bin/sudo")
    assert (result.status, result.exit_code, result.stdout) == (Status.FAILED, 127, b"")
    assert result.detail == "never started: sudo is not installed (become: true)"


@pytest.mark.parametrize("user", ["ops", "paul"])
async def test_deadline_reaches_what_another_user_runs(pool: Pool, host: Host, machine: LabHost, user: str) -> None:
    name = mark()
    become = Become(password=PASSWORD if user == "paul" else None)
    command = Command(f"trap '' TERM; sleep {name}; sleep {name}", timeout=1.5)
    begun = time.monotonic()
    result = await pool.run(replace(host, user=user, become=become), command)
    assert time.monotonic() - begun < 1.5 + QUICK.kill_timeout + 5
    assert (result.status, result.may_be_alive) == (Status.TIMEOUT, False), result
    assert not running(machine, name)


async def test_stop_reaches_what_another_user_runs(pool: Pool, host: Host, machine: LabHost) -> None:
    name = mark()
    stop = asyncio.Event()
    task = asyncio.create_task(pool.run(host, Command(f"sleep {name}", become=True), stop=stop))
    async with asyncio.timeout(10):
        while not running(machine, name):  # noqa: ASYNC110  the host has no event to wait for
            await asyncio.sleep(0.05)
    stop.set()
    result = await task
    assert (result.status, result.may_be_alive) == (Status.CANCELLED, False)
    assert not running(machine, name)
