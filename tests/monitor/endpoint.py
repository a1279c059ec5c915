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
from orchestrator.monitor.meters import Gauges, Labelled, Meters
from orchestrator.monitor.server import serving
from orchestrator.ssh import Pool
from tests.ssh.proxy import serving as accepting
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
    scrapes: list[bool]
    _session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> Asked:
        """Raises aiohttp.ClientError for an answer that breaks off."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.get(f"http://127.0.0.1:{self.port}{path}", headers=spelled) as answer:
            return Asked(answer.status, await answer.read(), answer.headers)


@contextlib.asynccontextmanager
async def endpoint(pool: Pool, *hosts: Host, server: Host | None = None) -> AsyncIterator[Endpoint]:
    """Serve `hosts` over `pool` on a port of its own."""
    port, meters, scrapes = free_port("127.0.0.1"), Meters(), list[bool]()
    inventory = Inventory(hosts=HostSet(hosts), server=server or Host("Server", "127.0.0.1", local=True, exporter=None))

    async def gauges() -> Gauges:
        return {"answer": ("Of the test", 42), "many": ("Several", Labelled(("host", "kind"), {("web1", '"a"'): 1.5}))}

    endpoints = Endpoints(
        address=f"127.0.0.1:{port}",
        inventory=lambda: inventory,
        open_tcp=pool.open_tcp,
        state=pool.state,
        meters=meters,
        gauges=gauges,
        scraped=lambda: scrapes.append(True),
    )
    session = aiohttp.ClientSession(auto_decompress=False)
    async with serving(("127.0.0.1", port), endpoints.routes), session:
        yield Endpoint(port, meters, scrapes, session)


@contextlib.asynccontextmanager
async def exporter(answer: Serve) -> AsyncIterator[Host]:
    """A host that is this machine, with `answer` for its exporter."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await answer(reader, writer)

    async with accepting(HERE, serve) as port:
        yield Host("odd", HERE, local=True, exporter=(HERE, port))


@contextlib.contextmanager
def node_exporter(address: str, port: int = 0) -> Iterator[int]:
    """The port of a real node_exporter at `address`, the given one or any."""
    program = shutil.which("prometheus-node-exporter")
    assert program is not None, "apt-get install prometheus-node-exporter"
    port = port or free_port(address)
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
