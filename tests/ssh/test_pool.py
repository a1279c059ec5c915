"""Keeping connections: reconnects, parking, states that a person can read, jump hosts."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, HostState, Limits, Phase, Pool, Status
from tests.ssh.conftest import QUICK
from tests.ssh.test_faults import until
from tests.sshd import Fleet, free_port

Pools = Callable[..., Pool]
TRUE = Command("true")


async def test_kept_host_comes_up_and_comes_back(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    host = server.host("a")
    pool = pool_of(own_fleet.keys)
    seen: list[tuple[str, Phase]] = []
    pool.subscribe(lambda host, state: seen.append((host.name, state.phase)))
    assert pool.state(host).phase is Phase.DOWN
    pool.keep([host])
    pool.keep([host])
    await until(lambda: pool.state(host).phase is Phase.UP)
    assert pool.state(host).sentence == f"up since {datetime.now(UTC).astimezone():%H:%M}"
    server.stop()
    await until(lambda: pool.state(host).phase is Phase.BACKOFF)
    state = pool.state(host)
    assert state.until is not None
    assert state.sentence.startswith("down, next try at ")
    await until(lambda: "refused" in pool.state(host).reason)
    tried_at = pool.state(host).until
    await until(lambda: pool.state(host).until not in (None, tried_at))
    assert pool.state(host).since == state.since, "it has been away since it went"
    server.start()
    await until(lambda: pool.state(host).phase is Phase.UP)
    assert seen[:2] == [("a", Phase.CONNECTING), ("a", Phase.UP)]
    assert server.log.count("Accepted publickey") == 2
    assert pool.state(host).until is None


async def test_each_connection_is_told_of_before_its_login(own_fleet: Fleet, pool_of: Pools) -> None:
    gate, inner = own_fleet.add(), own_fleet.add()
    told: list[tuple[str, str]] = []
    early: list[bool] = []

    async def on_dial(host: Host, address: str, port: int) -> None:
        await asyncio.sleep(0.1)
        early.append("Accepted" not in gate.log + inner.log)
        told.append((host.name, f"from {address} port {port} "))

    pool = pool_of(own_fleet.keys, on_dial=on_dial)
    assert (await pool.run(replace(inner.host("inner"), jump=gate.host("gate")), TRUE)).status is Status.OK
    ((name, whence),) = told
    assert (name, early) == ("gate", [True]), "the other one comes from there"
    assert f"Accepted publickey for {gate.host('gate').user} {whence}" in gate.log


async def test_retry_skips_the_wait(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    host = server.host("a")
    server.stop()
    pool = pool_of(own_fleet.keys, replace(QUICK, backoff_first=60.0, backoff_last=60.0))
    pool.keep([host])
    await until(lambda: pool.state(host).phase is Phase.BACKOFF)
    server.start()
    await pool.retry(host)
    await until(lambda: pool.state(host).phase is Phase.UP, 5)


async def test_a_command_does_not_wait_for_the_back_off(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    host = server.host("a")
    server.stop()
    pool = pool_of(own_fleet.keys, replace(QUICK, backoff_first=60.0, backoff_last=60.0))
    pool.keep([host])
    await until(lambda: pool.state(host).phase is Phase.BACKOFF)
    assert (await pool.run(host, TRUE)).status is Status.UNREACHABLE
    assert pool.state(host).phase is Phase.BACKOFF
    server.start()
    assert (await pool.run(host, TRUE)).status is Status.OK
    assert pool.state(host).phase is Phase.UP
    server.stop()
    await until(lambda: pool.state(host).phase is Phase.BACKOFF)


async def test_hosts_no_longer_kept_are_closed_when_their_work_is_done(own_fleet: Fleet, pool_of: Pools) -> None:
    first, second = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    pool.keep([first.host("a"), second.host("b")])
    await until(lambda: {pool.state(first.host("a")).phase, pool.state(second.host("b")).phase} == {Phase.UP})
    running = asyncio.create_task(pool.run(first.host("a"), Command("sleep 1; echo done")))
    await until(lambda: "Starting session" in first.log)
    pool.keep([second.host("b")])
    assert (await running).out == "done\n"
    await until(lambda: not first.sessions())
    assert pool.state(first.host("a")).phase is Phase.DOWN
    assert pool.state(second.host("b")).phase is Phase.UP
    assert first.log.count("Accepted publickey") == 1


async def test_edit_that_does_not_concern_the_connection_keeps_it(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    pool.keep([server.host("a")])
    await until(lambda: pool.state(server.host("a")).phase is Phase.UP)
    edited = replace(server.host("a"), groups=("web",), vars={"x": 1})
    pool.keep([edited])
    assert pool.state(edited).phase is Phase.UP
    assert (await pool.run(edited, TRUE)).status is Status.OK
    assert server.log.count("Accepted publickey") == 1


async def test_parked_host_is_left_alone(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    (own_fleet.keys / "known_hosts").unlink()
    host = server.host("a")
    pool = pool_of(own_fleet.keys)
    pool.keep([host])
    await until(lambda: pool.state(host).phase is Phase.PARKED)
    assert pool.state(host).sentence.startswith("parked: host key unknown: ssh-ed25519 SHA256:")
    await asyncio.sleep(3 * QUICK.backoff_last)  # three chances for a retry that must not come
    assert server.log.count("Connection from") == 1
    (own_fleet.keys / "known_hosts").write_text(f"{server.host_key_line}\n")
    await until(lambda: pool.state(host).phase is Phase.UP)


async def test_one_connect_for_many_who_ask(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys, Limits(connect_timeout=30.0))
    results = await asyncio.gather(*(pool.run(server.host("a"), TRUE) for _ in range(20)))
    assert {result.status for result in results} == {Status.OK}
    assert server.log.count("Connection from") == 1


async def test_giving_up_the_wait_does_not_disturb_who_else_waits(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(pool.run(server.host("a"), TRUE, stop=stop if n else None)) for n in range(3)]
    await asyncio.sleep(0)
    stop.set()
    tasks[2].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not isinstance(results[0], BaseException)
    assert results[0].status is Status.OK


async def test_jump_hosts_one_and_nested(own_fleet: Fleet, pool_of: Pools) -> None:
    bastion, inner, web, other = (own_fleet.add() for _ in range(4))
    outermost = bastion.host("bastion")
    middle = inner.host("inner", jump=outermost)
    hosts = [web.host("web", jump=middle), other.host("other", jump=middle), other.host("near", jump=outermost)]
    pool = pool_of(own_fleet.keys)
    results = await asyncio.gather(*(pool.run(host, Command("echo $SSH_CONNECTION")) for host in hosts * 3))
    assert {result.status for result in results} == {Status.OK}, [result.detail for result in results]
    assert [server.log.count("Accepted publickey") for server in (bastion, inner, web, other)] == [1, 1, 1, 2]
    assert (await pool.scan(hosts[0])).fingerprint == web.fingerprint
    assert bastion.log.count("Accepted publickey") == 1


async def test_jump_host_that_fails_is_named(own_fleet: Fleet, pool_of: Pools) -> None:
    bastion, web = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    gone = Host("bastion", "127.0.4.4", port=free_port("127.0.4.4"))
    result = await pool.run(web.host("web", jump=gone), TRUE)
    assert (result.status, result.detail) == (Status.UNREACHABLE, "jump host bastion: connection refused")
    nowhere = Host("web", "127.0.4.5", port=free_port("127.0.4.5"), jump=bastion.host("bastion"))
    result = await pool.run(nowhere, TRUE)
    assert result.status is Status.UNREACHABLE
    assert "jump host" in result.detail
    unknown = replace(bastion.host("stranger"), port=free_port(bastion.address))
    assert (await pool.run(web.host("web", jump=unknown), TRUE)).status is Status.UNREACHABLE


async def test_jump_host_that_forbids_forwarding(own_fleet: Fleet, pool_of: Pools) -> None:
    bastion, web = own_fleet.add("AllowTcpForwarding no"), own_fleet.add()
    result = await pool_of(own_fleet.keys).run(web.host("web", jump=bastion.host("bastion")), TRUE)
    assert result.status is Status.UNREACHABLE
    assert "forbids forwarding" in result.detail


async def test_parked_jump_host_is_not_tried_for_every_host_behind_it(own_fleet: Fleet, pool_of: Pools) -> None:
    bastion, web = own_fleet.add(), own_fleet.add()
    (own_fleet.keys / "known_hosts").write_text(f"{web.host_key_line}\n")
    pool = pool_of(own_fleet.keys)
    hosts = [replace(web.host(f"w{n}", jump=bastion.host("bastion")), fingerprint=f"SHA256:{n}") for n in range(5)]
    for host in hosts:
        result = await pool.run(host, TRUE)
        assert result.status is Status.UNREACHABLE
        assert "bastion: host key unknown" in result.detail
    assert bastion.log.count("Connection from") == 1
    (own_fleet.keys / "known_hosts").write_text(f"{web.host_key_line}\n{bastion.host_key_line}\n")
    assert (await pool.run(hosts[0], TRUE)).status is Status.OK


async def test_lost_jump_host_takes_what_is_behind_it_and_all_come_back(own_fleet: Fleet, pool_of: Pools) -> None:
    bastion, web = own_fleet.add(), own_fleet.add()
    host = web.host("web", jump=bastion.host("bastion"))
    pool = pool_of(own_fleet.keys)
    pool.keep([host])
    await until(lambda: pool.state(host).phase is Phase.UP)
    running = asyncio.create_task(pool.run(host, Command("sleep 5")))
    await until(lambda: "Starting session" in web.log)
    bastion.signal_sessions(signal.SIGKILL)
    assert (await asyncio.wait_for(running, 5)).status is Status.LOST
    await until(lambda: pool.state(host).phase is Phase.UP)
    assert (await pool.run(host, TRUE)).status is Status.OK


async def test_dead_hosts_do_not_hold_up_living_ones(own_fleet: Fleet, pool_of: Pools) -> None:
    from tests.ssh.proxy import tarpit

    server = own_fleet.add()
    async with tarpit("127.0.4.6", b"", 9.0) as port:
        pool = pool_of(own_fleet.keys, replace(QUICK, connects=8))
        dead = [Host(f"d{n}", "127.0.4.6", port=port, user=f"u{n}") for n in range(6)]
        waiting = [asyncio.create_task(pool.run(host, TRUE)) for host in dead]
        begun = time.monotonic()
        assert (await pool.run(server.host("a"), TRUE)).status is Status.OK
        assert time.monotonic() - begun < QUICK.connect_timeout - 0.5
        assert {result.status for result in await asyncio.gather(*waiting)} == {Status.UNREACHABLE}


async def test_server_that_ends_every_connection(own_fleet: Fleet, pool_of: Pools) -> None:
    """It lets us in and hangs up at once: neither an endless loop nor a success."""
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    done = asyncio.Event()

    def hang_up(_host: Host, state: HostState) -> None:
        if state.phase is Phase.UP:
            for link in list(pool._connections[server.host("a")]._links):
                link.abort()
            done.set()

    pool.subscribe(hang_up)
    result = await asyncio.wait_for(pool.run(server.host("a"), Command("echo ran")), 10)
    assert done.is_set()
    assert result.status in (Status.UNREACHABLE, Status.LOST)
    assert server.log.count("Accepted publickey") <= 3


async def test_a_watcher_that_fails_breaks_nothing(
    own_fleet: Fleet, pool_of: Pools, caplog: pytest.LogCaptureFixture
) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)

    def fail(_host: Host, _state: HostState) -> None:
        raise ZeroDivisionError

    pool.subscribe(fail)
    assert (await pool.run(server.host("a"), TRUE)).status is Status.OK
    assert "watcher" in caplog.text


def test_sentences() -> None:
    since = datetime(2031, 5, 6, 14, 3, 9, tzinfo=UTC).astimezone()
    day = f"{since:%Y-%m-%d %H:%M}"
    assert HostState(Phase.UP, since).sentence == f"up since {day}"
    assert HostState(Phase.CONNECTING, since).sentence == f"connecting since {day}"
    assert HostState(Phase.DOWN, since).sentence == f"down since {day}"
    assert HostState(Phase.DOWN, since, "no route to host").sentence == "down: no route to host"
    assert HostState(Phase.PARKED, since, "host key changed").sentence == "parked: host key changed"
    until_ = datetime.now(UTC) + timedelta(seconds=1)
    waiting = HostState(Phase.BACKOFF, since, "no answer", until_)
    assert waiting.sentence == f"down, next try at {until_.astimezone():%H:%M:%S}: no answer"
