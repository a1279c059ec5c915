"""An SSH server inside the test's own event loop that really runs what it is asked to, the way sshd does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh
from asyncssh.packet import UInt32

from orchestrator.inventory.model import Host
from tests.sshd import keygen

Served = asyncssh.SSHServerProcess[bytes]


@contextlib.asynccontextmanager
async def server(
    folder: Path,
    address: str,
    authorized_keys: Path | None,
    factory: Callable[[], asyncssh.SSHServer] = asyncssh.SSHServer,
) -> AsyncIterator[Host]:
    """A host named inprocess at `address`; its public key is `folder`/host_key.pub. All it ran ends with it.

    `factory` makes what judges each login, beside the `authorized_keys`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = keygen(folder / "host_key")
    started: set[asyncio.subprocess.Process] = set()

    async def serve(process: Served) -> None:
        await _serve(process, started)

    acceptor = await asyncssh.listen(
        address,
        0,
        server_factory=factory,
        server_host_keys=[str(key)],
        authorized_client_keys=str(authorized_keys) if authorized_keys else None,
        process_factory=serve,
        encoding=None,
        line_editor=False,
    )
    try:
        yield Host("inprocess", address, port=acceptor.get_port(), user="anyone")
    finally:
        acceptor.close()
        for child in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        await asyncio.gather(*(child.wait() for child in started))
        await acceptor.wait_closed()


async def _serve(process: Served, started: set[asyncio.subprocess.Process]) -> None:
    """Run the command in a session of its own; report its end at once, close the channel when its output ends."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", process.command or "", stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    started.add(child)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    feeding = asyncio.ensure_future(_feed(process, child.stdin))
    pumps = asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
    try:
        # wait() would also wait for the pipes, which background children may hold
        while (code := child.returncode) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        channel = process.channel
        if code < 0:
            name = signal.Signals(-code).name.removeprefix("SIG")
            with contextlib.suppress(OSError):
                await pumps
            channel.exit_with_signal(name)
        else:
            channel._send_request(b"exit-status", UInt32(code))
            with contextlib.suppress(OSError):
                await pumps
            channel.close()
    finally:
        feeding.cancel()
        pumps.cancel()
        started.discard(child)
        child._transport.close()  # type: ignore[attr-defined]  # a background child may hold the pipes for ever


async def _feed(process: Served, stdin: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await process.stdin.read(1 << 16):
            stdin.write(data)
            await stdin.drain()
        stdin.close()


async def _pump(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(1 << 16):
        sink.write(data)
        await sink.drain()
