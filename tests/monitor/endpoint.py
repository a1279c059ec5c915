"""Our HTTP endpoints for tests: over a pool and an inventory of the test's making, asked over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

import aiohttp

from orchestrator.inventory import Host, HostSet, Inventory
from orchestrator.monitor.endpoints import Endpoints
from orchestrator.monitor.meters import Meters
from orchestrator.monitor.server import serving
from orchestrator.ssh import Pool
from tests.sshd import free_port

HERE = "127.0.6.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Endpoint:
    """The endpoints at `port`, with what stands behind them."""

    port: int
    meters: Meters
    _session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> Asked:
        """Raises aiohttp.ClientError for an answer that breaks off."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.get(f"http://127.0.0.1:{self.port}{path}", headers=spelled) as answer:
            return Asked(answer.status, await answer.read(), answer.headers)


@contextlib.asynccontextmanager
async def endpoint(pool: Pool, *hosts: Host, server: Host | None = None) -> AsyncIterator[Endpoint]:
    """Serve `hosts` over `pool` on a port of its own."""
    port, meters = free_port("127.0.0.1"), Meters()
    inventory = Inventory(hosts=HostSet(hosts), server=server or Host("Server", "127.0.0.1", local=True, exporter=None))

    async def gauges() -> dict[str, tuple[str, float]]:
        return {"answer": ("Of the test", 42)}

    endpoints = Endpoints(
        address=f"127.0.0.1:{port}",
        inventory=lambda: inventory,
        open_tcp=pool.open_tcp,
        state=pool.state,
        meters=meters,
        gauges=gauges,
    )
    session = aiohttp.ClientSession(auto_decompress=False)
    async with serving(("127.0.0.1", port), endpoints.routes), session:
        yield Endpoint(port, meters, session)


@contextlib.asynccontextmanager
async def exporter(answer: Serve) -> AsyncIterator[Host]:
    """A host that is this machine, with `answer` for its exporter."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await answer(reader, writer)
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, HERE, 0)
    try:
        yield Host("odd", HERE, local=True, exporter=(HERE, listening.sockets[0].getsockname()[1]))
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


@contextlib.contextmanager
def node_exporter(address: str) -> Iterator[int]:
    """The port of a real node_exporter at `address`."""
    program = shutil.which("prometheus-node-exporter")
    assert program is not None, "apt-get install prometheus-node-exporter"
    port = free_port(address)
    argv = [program, f"--web.listen-address={address}:{port}", "--log.level=error"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}:{port}/", timeout=5):
                    break
                assert process.poll() is None
            yield port
        finally:
            process.kill()
