"""What goes wrong under a prepared shell: lost connections, full servers, hosts that lie."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh import Call, Command, Keys, Limits, Phase, Pool, Reply, Status, Trust
from tests.ssh.conftest import QUICK, SILENT, here
from tests.ssh.proxy import proxy
from tests.ssh.test_behaviour import mark
from tests.ssh.test_faults import until
from tests.ssh.test_floods import peak_mib
from tests.sshd import Fleet, keygen

Pools = Callable[..., Pool]


async def test_connection_lost_while_a_call_runs(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool, host, name = pool_of(own_fleet.keys), server.host("a"), mark()
    async with pool.shell(host) as shell:
        running = asyncio.create_task(shell.call(Call(f"say begun 1; echo out; sleep {name}")))
        await until(lambda: here(name))
        server.signal_sessions(signal.SIGKILL)
        reply = await asyncio.wait_for(running, 5)
        assert (reply.result.status, reply.result.exit_code) == (Status.LOST, None)
        assert "the connection was lost" in reply.result.detail
        assert reply.result.may_be_alive
        assert (reply.result.stdout, reply.records) == (b"out\n", (("begun", b"1"),))
        assert (await shell.call(Call(f"pkill -f 'sleep {name}'"))).result.status is Status.OK


async def test_connection_lost_between_calls_is_not_noticed(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool, host = pool_of(own_fleet.keys), server.host("a")
    async with pool.shell(host) as shell:
        assert (await shell.call(Call("true"))).result.status is Status.OK
        server.signal_sessions(signal.SIGKILL)
        await until(lambda: pool.state(host).phase is Phase.DOWN)
        assert (await shell.call(Call("echo again"))).result.out == "again\n"
        server.stop()
        await until(lambda: pool.state(host).phase is Phase.DOWN)
        reply = await shell.call(Call("echo never"))
        assert (reply.result.status, reply.result.may_be_alive) == (Status.UNREACHABLE, False)
        server.start()
        assert (await shell.call(Call("echo again"))).result.out == "again\n"


@pytest.mark.parametrize("frozen", ["swallowed", "stopped"])
async def test_silence_while_a_call_runs(own_fleet: Fleet, pool_of: Pools, frozen: str) -> None:
    server, name = own_fleet.add(), mark()
    pool = pool_of(own_fleet.keys)
    async with proxy("127.0.4.1", (server.address, server.port)) as way:
        host = replace(server.host("a"), address="127.0.4.1", port=way.port, fingerprint=server.fingerprint)
        running = asyncio.create_task(pool.shell(host).call(Call(f"sleep {name}")))
        await until(lambda: here(name))
        if frozen == "swallowed":
            way.swallow()
        else:
            server.signal_sessions(signal.SIGSTOP)
        reply = await asyncio.wait_for(running, 8)
        assert (reply.result.status, reply.result.may_be_alive) == (Status.LOST, True)
        assert "keepalive" in reply.result.detail


async def test_deadline_on_a_silent_link_does_not_call_it_dead(own_fleet: Fleet, pool_of: Pools) -> None:
    server, name = own_fleet.add(), mark()
    pool = pool_of(own_fleet.keys, SILENT)
    running = asyncio.create_task(pool.shell(server.host("a")).call(Call(f"sleep {name}", timeout=1.5)))
    await until(lambda: here(name))
    server.signal_sessions(signal.SIGSTOP)
    server.signal_listener(signal.SIGSTOP)
    reply = await asyncio.wait_for(running, 20)  # before any keepalive could tell
    assert (reply.result.status, reply.result.may_be_alive) == (Status.TIMEOUT, True)
    server.signal_listener(signal.SIGCONT)
    server.signal_sessions(signal.SIGCONT)
    assert (await pool.shell(server.host("a")).call(Call(f"pkill -f 'sleep {name}'"))).result.status is Status.OK


async def test_resting_shells_make_room(own_fleet: Fleet, pool_of: Pools) -> None:
    pool, host = pool_of(own_fleet.keys), own_fleet.add().host("a")
    shells = [pool.shell(host) for _ in range(QUICK.channels)]
    pids = [(await shell.call(Call("echo $$"))).result.out for shell in shells]
    begun = time.monotonic()
    assert (await pool.run(host, Command("echo ran"))).out == "ran\n"
    assert time.monotonic() - begun < QUICK.connect_timeout / 2
    again = [(await shell.call(Call("echo $$"))).result.out for shell in reversed(shells)][::-1]
    assert again[-3:] == pids[-3:], "only the one that rested longest had to go"
    assert again[0] != pids[0]


async def test_server_with_fewer_sessions_than_we_think(own_fleet: Fleet, pool_of: Pools) -> None:
    pool, host = pool_of(own_fleet.keys), own_fleet.add("MaxSessions 2").host("a")
    shells = [pool.shell(host) for _ in range(6)]
    for _ in range(3):
        replies = await asyncio.gather(*(shell.call(Call(f"echo {n}; sleep 0.1")) for n, shell in enumerate(shells)))
        assert [reply.result.out for reply in replies] == [f"{n}\n" for n in range(6)], replies


async def test_shells_end_with_the_pool(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    pool = pool_of(own_fleet.keys)
    own = (await pool.shell(server.host("a")).call(Call("echo $$"))).result.out.strip()
    await pool.close()
    await until(lambda: not Path(f"/proc/{own}").exists())


async def test_accounts_without_a_shell_say_so(own_fleet: Fleet, pool_of: Pools) -> None:
    host = own_fleet.add("ForceCommand echo not you; echo really >&2; exit 3").host("a")
    reply = await pool_of(own_fleet.keys).shell(host).call(Call("echo ran"))
    assert (reply.result.status, reply.result.stdout) == (Status.FAILED, b"")
    assert "never started" in reply.result.detail
    assert b"really" in reply.result.stderr


async def test_floods_both_ways_in_bounded_memory(own_fleet: Fleet, pool_of: Pools, tmp_path: Path) -> None:
    pool, host = pool_of(own_fleet.keys), own_fleet.add().host("a")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 << 20)
    before = peak_mib()
    async with pool.shell(host) as shell:
        reply = await shell.call(Call(f"head -c {256 << 20} /dev/zero", timeout=100))
        assert (reply.result.status, reply.result.stdout_size) == (Status.OK, 256 << 20)
        reply = await shell.call(Call("wc -c", stdin=large, timeout=100))
        assert reply.result.out.strip() == str(100 << 20)
    assert peak_mib() - before < 40


# -- hosts that lie


Lies = Callable[[str], list[tuple[str, bytes]]]


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[Callable[[Lies], Host]]:
    """A server whose shell announces itself properly, then answers the first call with whatever it is told to."""
    told: list[Lies] = []
    key, client = keygen(tmp_path / "host_key"), keygen(tmp_path / "id_ed25519")

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        text = b""
        first = (await process.stdin.readline()).strip()
        process.stderr.write(first + b" 0\n")
        process.stdout.write(first + b"!\n")
        while not text.endswith(b"\n}\n"):
            text += await process.stdin.read(1 << 16)
        token = text.partition(b"_o_t=")[2][:32].decode()
        for stream, data in told[0](token):
            (process.stdout if stream == "stdout" else process.stderr).write(data)
        await process.stdin.read()
        process.exit(0)

    async with AsyncExitStack() as stack:
        acceptor = await asyncssh.listen(
            "127.0.3.7",
            0,
            server_host_keys=[str(key)],
            authorized_client_keys=f"{client}.pub",
            process_factory=serve,
            encoding=None,
        )
        stack.callback(acceptor.close)
        kind, data = (tmp_path / "host_key.pub").read_text().split()[:2]
        (tmp_path / "known_hosts").write_text(f"[127.0.3.7]:{acceptor.get_port()} {kind} {data}\n")

        def tell(lies: Lies) -> Host:
            told.append(lies)
            return Host("liar", "127.0.3.7", port=acceptor.get_port(), user="anyone")

        yield tell


LIES: dict[str, Lies] = {
    "no number": lambda token: [("stdout", f"{token}.x\n".encode())],
    "negative": lambda token: [("stdout", f"{token}.-1\n".encode())],
    "unknown mark": lambda token: [("stdout", f"{token}?\n".encode())],
    "mark without end": lambda token: [("stderr", f"{token}.".encode() + b"x" * 100)],
    "record of everything": lambda token: [("stdout", f"{token}:a=".encode() + b"x" * (5 << 20))],
    "records without end": lambda token: [("stdout", f"{token}:a={'x' * 900}{token};".encode() * 6000)],
    "record without value": lambda token: [("stdout", f"{token}:a{token};".encode())],
    "ready before the end": lambda token: [("stdout", f"{token}!\n".encode())],
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
async def test_host_that_lies(liar: Callable[[Lies], Host], lies: Lies, tmp_path: Path) -> None:
    host = liar(lies)
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path), limits=QUICK) as pool:
        reply = await pool.shell(host).call(Call("echo", timeout=20))
        assert reply.result.status is Status.LOST, reply
        assert "protocol" in reply.result.detail
        assert reply.result.may_be_alive


async def test_marks_in_pieces_and_invented_records(liar: Callable[[Lies], Host], tmp_path: Path) -> None:
    """Byte for byte; a second end changes nothing."""

    def lies(token: str) -> list[tuple[str, bytes]]:
        text = f"out{token[:20]}{token}:k=v{token[:31]}{token};more{token}.7\n{token}!\nafter".encode()
        return [("stdout", bytes([byte])) for byte in text] + [("stderr", f"{token}.\nafter".encode())]

    host = liar(lies)
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path), limits=QUICK) as pool:
        reply: Reply = await pool.shell(host).call(Call("echo", timeout=20))
    token = reply.result.stdout.removeprefix(b"out").removesuffix(b"more")
    assert (reply.result.exit_code, len(token), reply.result.stderr) == (7, 20, b"")
    assert [(key, len(value)) for key, value in reply.records] == [("k", 32)]


async def test_become_that_is_none_is_told_and_nothing_runs(own_fleet: Fleet, pool_of: Pools) -> None:
    pool = pool_of(own_fleet.keys, Limits())
    for become in (Become("pbrun"), Become(user="a b"), Become(password="a\nb"), Become("su", "#5")):
        reply = await pool.shell(Host("a", "192.0.2.1"), become).call(Call("echo ran"))
        assert (reply.result.status, reply.result.exit_code) == (Status.FAILED, None)
        assert "never started" in reply.result.detail
