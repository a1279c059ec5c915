"""sudo, su and doas as themselves, for commands and for prepared shells alike."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh import Call, Command, Pool, Result, Status
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.ssh.conftest import RELEASES
from tests.ssh.test_become import PASSWORD, host, pool, running
from tests.ssh.test_behaviour import mark

pytestmark = pytest.mark.lab
__all__ = ["host", "pool"]
Run = Callable[[Pool, Host, str, float], Awaitable[Result]]
WRONG = "wrong pässword"
_BUSYBOX_SU = "install -o root -m 4755 /bin/busybox /usr/local/bin/su"


async def command(pool: Pool, host: Host, script: str, timeout: float = 20) -> Result:
    """As a command of its own."""
    return await pool.run(host, Command(script, stdin=b"in\n", timeout=timeout))


async def shell(pool: Pool, host: Host, script: str, timeout: float = 20) -> Result:
    """As the second call of a prepared shell, or the first that fails."""
    async with pool.shell(replace(host, become=None), host.become) as shell:
        first = await shell.call(Call("say a 1", timeout=timeout))
        if first.result.status is not Status.OK:
            return first.result
        return (await shell.call(Call(script, stdin=b"in\n", timeout=timeout))).result


@pytest.fixture(params=[command, shell], ids=["command", "shell"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


@pytest.fixture(params=RELEASES)
def machine(request: pytest.FixtureRequest, releases: Lab) -> Iterator[LabHost]:
    """A host where `paul` may do everything with a password, and doas lets `ops` without."""
    machine = next(host for host in releases.hosts if host.release == request.param)
    machine.run(f"""
    id paul >/dev/null 2>&1 || useradd -m -s /bin/bash paul
    mkdir -p /home/paul/.ssh && cp /home/ops/.ssh/authorized_keys /home/paul/.ssh/ && chown -R paul: /home/paul/.ssh
    printf '%s\n' 'paul:{PASSWORD}' 'root:{PASSWORD}' | chpasswd -c SHA512
    echo 'paul ALL=(ALL) ALL' > /etc/sudoers.d/paul
    printf '%s\n' 'permit nopass ops' 'permit paul' > /etc/doas.conf
    """)
    yield machine
    machine.run("rm -f /etc/sudoers.d/paul /etc/doas.conf /usr/local/bin/su; rm -rf /run/sudo/ts; passwd -l root >&2")


WORKS = [
    ("ops", Become()),
    ("ops", Become(password=WRONG)),
    ("paul", Become(password=PASSWORD)),
    ("root", Become("su", "paul")),
    ("root", Become("su", "paul", WRONG)),
    ("ops", Become("su", "root", PASSWORD)),
    ("ops", Become("su", "paul", PASSWORD)),
    ("ops", Become("doas")),
    ("ops", Become("doas", "paul")),
]


async def test_becomes_the_other(pool: Pool, host: Host, run: Run) -> None:
    script = "id -un; cat; cat /proc/[0-9]*/cmdline /proc/$$/environ | tr '\\0' '\\n' | grep -c 'w[öo]rd' ; cd; pwd"
    for user, become in WORKS:
        result = await run(pool, replace(host, user=user, become=become), script, 20)
        home = "/root" if become.user == "root" else f"/home/{become.user}"
        assert (result.status, result.out) == (Status.OK, f"{become.user}\nin\n0\n{home}\n"), (user, become, result)
        assert "assword" not in result.err, "what was asked and answered on the way is nobody's output"


REFUSED = [
    ("paul", Become(), "sudo asks for a password and none is given"),
    ("paul", Become(password=WRONG), "sudo did not accept the become password"),
    ("ops", Become("su", "root", WRONG), "su did not accept the become password"),
    ("ops", Become("su"), "su asks for a password and none is given"),
    ("paul", Become("doas", password=PASSWORD), "doas"),
    ("ops", Become("su", "nobody-at-all", "any"), "never started"),
]


async def test_is_refused_once_and_soon(pool: Pool, host: Host, machine: LabHost, run: Run) -> None:
    for user, become, why in REFUSED:
        begun = time.monotonic()
        result = await run(pool, replace(host, user=user, become=become), "echo ran", 60)
        assert time.monotonic() - begun < 40
        assert (result.status, result.stdout) == (Status.FAILED, b""), (user, become, result)
        assert why in result.detail
        assert (become.password or PASSWORD) not in result.detail + result.err
    journal = machine.run("journalctl -q --since -2min").stdout
    assert PASSWORD not in journal
    assert WRONG not in journal


async def test_su_of_busybox(pool: Pool, host: Host, machine: LabHost, run: Run) -> None:
    machine.run(_BUSYBOX_SU)
    right = await run(pool, replace(host, become=Become("su", "root", PASSWORD)), "id -un; cat", 20)
    assert (right.status, right.out) == (Status.OK, "root\nin\n"), right
    wrong = await run(pool, replace(host, become=Become("su", "root", WRONG)), "id -un; cat", 20)
    assert (wrong.status, wrong.stdout) == (Status.FAILED, b""), wrong
    assert "su did not accept" in wrong.detail


async def test_talkative_login_shell_gets_no_password(pool: Pool, host: Host, machine: LabHost, run: Run) -> None:
    machine.run("sed -i '1i echo hello; echo world >&2' /home/ops/.bashrc")
    try:
        for become in (None, Become(), Become("su", "root", PASSWORD), Become("doas", password=WRONG)):
            result = await run(pool, replace(host, become=become), "id -un; cat", 20)
            assert result.status is Status.OK, result
            assert result.out.endswith(f"{'root' if become else 'ops'}\nin\n")
    finally:
        machine.run("sed -i 1d /home/ops/.bashrc")


METHODS = [Become(), Become("su", "root", PASSWORD), Become("doas")]


@pytest.mark.parametrize("become", METHODS, ids=[become.method for become in METHODS])
async def test_deadline_and_cancelling_reach_it(
    pool: Pool, host: Host, machine: LabHost, run: Run, become: Become
) -> None:
    name = mark()
    acting = replace(host, become=become)
    result = await run(pool, acting, f"trap '' TERM; sleep {name}; sleep {name}", 2.5)
    assert (result.status, result.may_be_alive) == (Status.TIMEOUT, False), result
    assert not running(machine, name)
    task = asyncio.ensure_future(run(pool, acting, f"sleep {name}", 60))
    async with asyncio.timeout(10):
        while not running(machine, name):  # noqa: ASYNC110  the host has no event to wait for
            await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert not running(machine, name)
