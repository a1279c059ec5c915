"""What goes wrong on the way: each ends within its bound, with the right status, and other hosts do not notice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, Limits, Phase, Pool, Result, Status
from tests.ssh.conftest import QUICK, SILENT, here
from tests.ssh.proxy import proxy, tarpit
from tests.ssh.test_behaviour import mark
from tests.sshd import Fleet, Sshd, free_port

Pools = Callable[..., Pool]


async def until(condition: Callable[[], object], seconds: float = 40) -> None:
    """Wait for `condition`, at most so long."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  processes and logs have no event to wait for
            await asyncio.sleep(0.02)


async def beside(pool: Pool, healthy: Host, faulty: Host, command: Command) -> Result:
    """Run `command` on `faulty`; meanwhile `healthy` must answer as if nothing happened."""
    running = asyncio.create_task(pool.run(faulty, command))
    while not running.done():
        begun = time.monotonic()
        assert (await pool.run(healthy, Command("true"))).status is Status.OK
        assert time.monotonic() - begun < QUICK.connect_timeout
        await asyncio.sleep(0.05)
    return running.result()


async def test_sshd_killed_while_the_command_runs(own_fleet: Fleet, pool_of: Pools) -> None:
    faulty, healthy = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    name = mark()
    running = asyncio.create_task(
        beside(pool, healthy.host("b"), faulty.host("a"), Command(f"echo begun; sleep {name}; true"))
    )
    await until(lambda: here(name))
    faulty.signal_sessions(signal.SIGKILL)
    result = await asyncio.wait_for(running, 5)
    assert (result.status, result.exit_code, result.stdout) == (Status.LOST, None, b"begun\n")
    assert result.may_be_alive
    assert "lost" in result.detail
    assert pool.state(faulty.host("a")).phase is Phase.DOWN
    again = await pool.run(faulty.host("a"), Command(f"pkill -f 'sleep {name}'"))
    assert again.status is Status.OK, "the next command gets a new connection"


async def test_stale_connection_is_replaced_when_nothing_had_started(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    assert (await pool.run(server.host("a"), Command("true"))).status is Status.OK
    server.stop()
    server.start()
    assert (await pool.run(server.host("a"), Command("true"))).status is Status.OK


@pytest.mark.parametrize("frozen", ["swallowed", "stopped"])
async def test_silence_while_the_command_runs(own_fleet: Fleet, pool_of: Pools, frozen: str) -> None:
    """A half-open link and a frozen sshd look alike: keepalive tells, 1 s x 3 here."""
    server, healthy = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    name = mark()
    async with proxy("127.0.4.1", (server.address, server.port)) as way:
        host = replace(server.host("a"), address="127.0.4.1", port=way.port, fingerprint=server.fingerprint)
        running = asyncio.create_task(beside(pool, healthy.host("b"), host, Command(f"sleep {name}", timeout=60)))
        await until(lambda: here(name))
        if frozen == "swallowed":
            way.swallow()
        else:
            server.signal_sessions(signal.SIGSTOP)
        result = await asyncio.wait_for(running, 8)
        assert (result.status, result.may_be_alive) == (Status.LOST, True)
        assert "keepalive" in result.detail


async def test_deadline_on_a_silent_link(own_fleet: Fleet, pool_of: Pools) -> None:
    """The deadline holds although the host cannot be told; it must not be called dead."""
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys, SILENT)
    name = mark()
    begun = time.monotonic()
    running = asyncio.create_task(pool.run(server.host("a"), Command(f"sleep {name}", timeout=1.5)))
    await until(lambda: here(name))
    server.signal_sessions(signal.SIGSTOP)
    server.signal_listener(signal.SIGSTOP)
    result = await running
    assert time.monotonic() - begun < 1.5 + SILENT.kill_timeout + 10
    assert (result.status, result.may_be_alive) == (Status.TIMEOUT, True)
    assert "may still be running" in result.detail
    await until(lambda: not here(name), 10)  # the host's own backstop


async def test_frozen_server_does_not_take_new_commands(own_fleet: Fleet, pool_of: Pools) -> None:
    server, healthy = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys, SILENT)
    assert (await pool.run(server.host("a"), Command("true"))).status is Status.OK
    server.signal_sessions(signal.SIGSTOP)
    server.signal_listener(signal.SIGSTOP)
    begun = time.monotonic()
    result = await beside(pool, healthy.host("b"), server.host("a"), Command("echo ran"))
    assert time.monotonic() - begun < QUICK.connect_timeout + 1
    assert (result.status, result.may_be_alive) == (Status.UNREACHABLE, False)
    assert "no answer" in result.detail
    fresh = await pool.run(server.host("a"), Command("echo ran"))
    assert (fresh.status, fresh.stdout) == (Status.UNREACHABLE, b"")
    assert "greeting" in fresh.detail
    server.signal_listener(signal.SIGCONT)
    assert (await pool.run(server.host("a"), Command("echo ran"))).status is Status.OK


@pytest.mark.parametrize("sessions", [1, 2])
async def test_server_with_fewer_sessions_than_we_assume(own_fleet: Fleet, pool_of: Pools, sessions: int) -> None:
    server = own_fleet.add(f"MaxSessions {sessions}")
    pool = pool_of(own_fleet.keys)
    results = await asyncio.gather(*(pool.run(server.host("a"), Command(f"echo {n}")) for n in range(12)))
    assert [(result.status, result.out) for result in results] == [(Status.OK, f"{n}\n") for n in range(12)]


async def test_command_is_stopped_even_without_a_session_to_spare(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add("MaxSessions 1")
    pool = pool_of(own_fleet.keys)
    name = mark()
    result = await pool.run(server.host("a"), Command(f"sleep {name}", timeout=0.5))
    assert (result.status, result.may_be_alive) == (Status.TIMEOUT, False)
    assert not here(name)


async def test_a_command_that_cannot_be_stopped_is_said_to_be_alive(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add("MaxSessions 1")
    pool = pool_of(own_fleet.keys)
    name, stop = mark(), asyncio.Event()
    running = asyncio.create_task(pool.run(server.host("a"), Command(f"sleep {name}", timeout=30), stop=stop))
    await until(lambda: here(name))
    server.signal_listener(signal.SIGKILL)  # no session to spare, and no new connection either
    stop.set()
    result = await running
    assert (result.status, result.may_be_alive) == (Status.CANCELLED, True)
    assert "may still be running" in result.detail
    try:
        assert here(name)
    finally:
        subprocess.run(["pkill", "-KILL", "-f", name], check=False)


async def test_no_sessions_at_all(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add("MaxSessions 0")
    result = await pool_of(own_fleet.keys).run(server.host("a"), Command("echo ran"))
    assert (result.status, result.stdout) == (Status.UNREACHABLE, b"")


async def test_long_running_commands_do_not_lock_out_others(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    name = mark()
    stop = asyncio.Event()
    host = server.host("a")
    long = [asyncio.create_task(pool.run(host, Command(f"sleep {name}"), stop=stop)) for _ in range(QUICK.channels)]
    await until(lambda: len(here(name)) >= QUICK.channels)
    result = await asyncio.wait_for(pool.run(host, Command("echo ran")), QUICK.connect_timeout + 20)
    assert result.out == "ran\n"
    stop.set()
    assert {(one.status, one.may_be_alive) for one in await asyncio.gather(*long)} == {(Status.CANCELLED, False)}
    assert not here(name)


async def test_all_places_stopped_at_once_though_they_ignore_term(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    name = mark()
    command = Command(f"trap '' TERM; sleep {name}; sleep {name}", timeout=1.5)
    begun = time.monotonic()
    results = await asyncio.gather(*(pool.run(server.host("a"), command) for _ in range(QUICK.channels)))
    assert time.monotonic() - begun < 1.5 + QUICK.kill_timeout + 5
    assert {(one.status, one.may_be_alive) for one in results} == {(Status.TIMEOUT, False)}
    assert not here(name)


async def test_full_server_is_tried_again(own_fleet: Fleet, pool_of: Pools) -> None:
    """MaxStartups drops connections before the greeting; eight accounts knock at once on a server that takes two."""
    server = own_fleet.add("MaxStartups 2", "LoginGraceTime 5")
    pool = pool_of(own_fleet.keys, Limits(connect_timeout=8.0))
    hosts = [replace(server.host(f"a{n}"), fingerprint=f"SHA256:{n}") for n in range(6)]  # the same, yet not equal
    results = await asyncio.gather(*(pool.run(host, Command("echo ran")) for host in hosts))
    assert {result.status for result in results} == {Status.OK}, [result.detail for result in results]


async def test_full_server_says_so(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add("MaxStartups 1", "LoginGraceTime 60")
    async with asyncio.timeout(10):
        _, holder = await asyncio.open_connection(server.address, server.port)
        result = await pool_of(own_fleet.keys).run(server.host("a"), Command("echo ran"))
        holder.close()
    assert result.status is Status.UNREACHABLE
    assert "MaxStartups" in result.detail


async def test_connection_refused(own_fleet: Fleet, pool_of: Pools) -> None:
    healthy = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    host = Host("a", "127.0.4.2", port=free_port("127.0.4.2"))
    result = await beside(pool, healthy.host("b"), host, Command("true"))
    assert (result.status, result.detail) == (Status.UNREACHABLE, "connection refused")
    assert not result.may_be_alive
    assert pool.state(host).sentence == "down: connection refused"


async def test_name_that_does_not_resolve(own_fleet: Fleet, pool_of: Pools) -> None:
    result = await pool_of(own_fleet.keys).run(Host("a", "no.such.host.invalid"), Command("true"))
    assert result.status is Status.UNREACHABLE
    assert "name" in result.detail


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 300, "a b", "höst\n"])
async def test_name_that_is_none(own_fleet: Fleet, pool_of: Pools, name: str) -> None:
    result = await pool_of(own_fleet.keys).run(Host("a", name), Command("true"))
    assert result.status is not Status.OK
    assert result.detail
    assert result.detail.isprintable()


@pytest.mark.parametrize(
    ("drip", "every", "told"),
    [
        (b"", 9.0, "greeting"),
        (b"x", 0.05, "greeting"),
        (b"welcome to the tar\r\n", 0.005, ""),
        (b"x" * 10_000, 0.01, "does not speak SSH"),
        (b"SSH-1.0-old\r\n", 9.0, "does not speak SSH"),
    ],
    ids=["silent", "dripping", "endless", "flood", "old"],
)
async def test_tarpit(own_fleet: Fleet, pool_of: Pools, drip: bytes, every: float, told: str) -> None:
    healthy = own_fleet.add()
    async with tarpit("127.0.4.3", drip, every) as port:
        begun = time.monotonic()
        host = Host("a", "127.0.4.3", port=port)
        result = await beside(pool_of(own_fleet.keys), healthy.host("b"), host, Command("true"))
    assert result.status is Status.UNREACHABLE
    assert time.monotonic() - begun < QUICK.connect_timeout + 20
    assert told in result.detail
    assert result.detail


async def test_wrong_key_is_offered_once(
    own_fleet: Fleet, pool_of: Pools, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.sshd import keygen

    server = own_fleet.add()
    wrong = keygen(tmp_path_factory.mktemp("wrong") / "id_ed25519")
    host = server.host("a", key=wrong)
    pool = pool_of(own_fleet.keys)
    pool.keep([host])
    await until(lambda: pool.state(host).phase is Phase.PARKED)
    for _ in range(3):
        result = await pool.run(host, Command("true"))
        assert result.status is Status.AUTH_FAILED
        assert "permission denied" in result.detail
    await asyncio.sleep(QUICK.backoff_last * 2)  # long enough for a reconnect that must not come
    assert server.log.count("Connection from") == 1
    assert server.log.count("Failed publickey") <= 1
    await pool.retry(host)
    await until(lambda: server.log.count("Connection from") == 2)


async def test_nologin_and_forced_commands_are_no_success(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add("ForceCommand echo something else; exit 0")
    result = await pool_of(own_fleet.keys).run(server.host("a"), Command("true"))
    assert (result.status, result.out) == (Status.FAILED, "something else\n")
    assert "never started" in result.detail


async def test_noise_of_a_login_shell_is_not_lost(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add('ForceCommand printf "no newline" >&2; eval "$SSH_ORIGINAL_COMMAND"')
    result = await pool_of(own_fleet.keys).run(server.host("a"), Command("echo err >&2; echo out"))
    assert (result.status, result.out, result.err) == (Status.OK, "out\n", "no newlineerr\n")


def sshd_children(server: Sshd) -> int:
    """How many connections the server has."""
    return len(server.sessions())


async def test_leaving_the_pool_closes_everything(own_fleet: Fleet, pool_of: Pools) -> None:
    servers = [own_fleet.add() for _ in range(3)]
    pool = pool_of(own_fleet.keys)
    for server in servers:
        await pool.run(server.host("a"), Command("true"))
    servers[0].signal_sessions(signal.SIGSTOP)
    begun = time.monotonic()
    await pool.close()
    assert time.monotonic() - begun < 20
    await until(lambda: not any(sshd_children(server) for server in servers[1:]))
