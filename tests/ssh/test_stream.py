"""Connections to ports of a host, through its SSH connection."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, NoConnection, Phase, Pool, PortClosed, Status
from tests.ssh.conftest import QUICK
from tests.ssh.proxy import proxy, serving, tarpit
from tests.ssh.test_faults import until
from tests.sshd import Fleet, free_port

Pools = Callable[..., Pool]
HERE = "127.0.5.1"
LOCAL = Host("Server", "localhost", local=True)


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """The port at HERE of a server that sends back what it gets until the other side ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()

    async with serving(HERE, serve) as port:
        yield port


async def talk(pool: Pool, host: Host, port: int, data: bytes) -> bytes:
    answer = b""
    async with pool.open_tcp(host, HERE, port) as stream:
        await stream.write(data)
        while len(answer) < len(data):
            answer += await stream.read(1 << 16)
    return answer


async def test_bytes_go_there_and_back(own_fleet: Fleet, pool_of: Pools) -> None:
    server, bastion = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    jump = bastion.host("bastion")
    async with echo() as port:
        for host in (LOCAL, server.host("a"), server.host("b", jump=jump)):
            assert await talk(pool, host, port, b"\0\xff ping") == b"\0\xff ping"
        big = bytes(range(256)) * 8192  # 2 MiB, beyond every window on the way
        assert (await asyncio.gather(*(talk(pool, server.host("a"), port, big[:65536]) for _ in range(12)))) == [
            big[:65536]
        ] * 12
    assert server.log.count("Accepted publickey") == 2, "one connection a host, whatever goes over it"


async def test_commands_and_streams_never_wait_for_each_other(own_fleet: Fleet, pool_of: Pools) -> None:
    host = own_fleet.add().host("a")
    pool = pool_of(own_fleet.keys)
    async with tarpit(HERE, b"", 60) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(QUICK.streams):
            await stack.enter_async_context(pool.open_tcp(host, HERE, port))
        begun = time.monotonic()
        assert (await pool.run(host, Command("true"))).status is Status.OK
        assert time.monotonic() - begun < QUICK.connect_timeout
        with pytest.raises(PortClosed, match="still hang"):
            async with pool.open_tcp(host, HERE, port):
                pass
    stop = asyncio.Event()
    async with echo() as port:
        busy = [asyncio.create_task(pool.run(host, Command("sleep 60"), stop=stop)) for _ in range(QUICK.channels)]
        begun = time.monotonic()
        assert await talk(pool, host, port, b"x") == b"x"
        assert time.monotonic() - begun < QUICK.connect_timeout
        stop.set()
        await asyncio.gather(*busy)


async def test_closed_and_forbidden_ports_are_told_apart(own_fleet: Fleet, pool_of: Pools) -> None:
    open_host, strict = own_fleet.add().host("a"), own_fleet.add("AllowTcpForwarding no").host("b")
    pool = pool_of(own_fleet.keys)
    closed = free_port(HERE)
    for host, why in [(open_host, "nothing answers there"), (strict, "forbids it"), (LOCAL, "connection refused")]:
        with pytest.raises(PortClosed, match=why) as error:
            async with pool.open_tcp(host, HERE, closed):
                pass
        assert str(error.value).startswith(f"{HERE}:{closed}: ")
        assert (await pool.run(open_host, Command("true"))).status is Status.OK


async def test_a_kept_host_that_is_away_is_not_waited_for(own_fleet: Fleet, pool_of: Pools) -> None:
    server, stranger = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    down = replace(server.host("down"), port=free_port(server.address))
    parked = replace(stranger.host("parked"), user="nobody-we-know")
    pool.keep([down, parked])
    await until(lambda: pool.state(down).reason and pool.state(parked).phase is Phase.PARKED)
    for host, status in [(down, Status.UNREACHABLE), (parked, Status.AUTH_FAILED)]:
        begun = time.monotonic()
        with pytest.raises(NoConnection) as error:
            async with pool.open_tcp(host, HERE, 9100):
                pass
        assert (error.value.status, error.value.detail) == (status, pool.state(host).reason)
        assert time.monotonic() - begun < QUICK.connect_timeout / 2


async def test_a_host_that_falls_silent(own_fleet: Fleet, pool_of: Pools) -> None:
    """Bounded, others unaffected, and once it is back no place was lost."""
    server, healthy = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys, replace(QUICK, keepalive=30.0))
    host, other = server.host("a"), healthy.host("b")
    async with echo() as port:
        assert await talk(pool, host, port, b"x") == b"x"
        server.signal_sessions(signal.SIGSTOP)
        begun = time.monotonic()
        opening = [asyncio.create_task(talk(pool, host, port, b"x")) for _ in range(QUICK.streams + 2)]
        assert await talk(pool, other, port, b"y") == b"y"
        results = await asyncio.gather(*opening, return_exceptions=True)
        assert {type(result) for result in results} == {PortClosed}
        assert time.monotonic() - begun < QUICK.connect_timeout * 2 + 1
        server.signal_sessions(signal.SIGCONT)
        assert await asyncio.gather(*(talk(pool, host, port, b"x") for _ in range(8))) == [b"x"] * 8


async def test_a_host_that_dies_while_a_port_is_opened_is_no_closed_port(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    host = server.host("a")
    async with echo() as port:
        assert await talk(pool, host, port, b"x") == b"x"
        server.signal_sessions(signal.SIGSTOP)
        opening = asyncio.create_task(talk(pool, host, port, b"x"))
        await asyncio.sleep(0)
        server.signal_sessions(signal.SIGKILL)
        with pytest.raises(NoConnection, match="host a: the connection was lost"):
            await opening


async def test_a_connection_that_breaks_under_a_stream(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    async with (
        proxy("127.0.4.1", (server.address, server.port)) as way,
        tarpit(HERE, b"", 60) as port,
    ):
        host = replace(server.host("a"), address="127.0.4.1", port=way.port, fingerprint=server.fingerprint)
        async with pool.open_tcp(host, HERE, port) as stream:
            reading = asyncio.create_task(stream.read(1))
            await asyncio.sleep(0)
            way.swallow()
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(reading, QUICK.keepalive * (QUICK.keepalive_count + 1) + 2)
            with pytest.raises(ConnectionError):
                await stream.write(b"x")
