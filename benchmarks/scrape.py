"""500 hosts scraped every 15 s through one process of ours: its CPU and memory, and how long a scrape takes.

Three processes. The hosts are asyncssh's own server on 500 loopback addresses, in front of one page that a real
node_exporter of this machine wrote, packed as it packs it. The asker does what Prometheus does: each host has its
moment in the 15 s, and one connection that stays open. Ours is in the middle, and only ours is measured.
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOSTS = 500
EVERY_S = 15.0
ROUNDS = 4
PORT = 8122
WITHIN_S = 10.0


def address(number: int) -> str:
    """Of a host."""
    return f"127.20.{number // 250}.{number % 250 + 1}"


# -- the hosts


async def be_hosts(folder: Path) -> None:
    """Serve until standard input ends."""
    import asyncssh

    class Server(asyncssh.SSHServer):
        def connection_requested(self, *_: object) -> bool:
            return True

    packed = gzip.compress((folder / "page").read_bytes(), 5)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\n"
    # As Go sends it: in chunks of some KiB.
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in _parts(packed, 4096))

    async def export(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    await asyncio.start_server(export, "127.0.0.1", PORT)
    for number in range(HOSTS):
        await asyncssh.listen(
            address(number),
            PORT,
            server_factory=Server,
            server_host_keys=[str(folder / "host_key")],
            authorized_client_keys=str(folder / "keys/id_ed25519.pub"),
        )
    print(f"{len(packed):,} bytes a page, packed", flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _parts(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


# -- the asker


async def be_asker(port: int) -> None:
    """Ask for every host ROUNDS times; print how long that took."""
    import aiohttp

    taken: list[float] = []
    failed: list[str] = []

    async def ask(session: aiohttp.ClientSession, number: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + EVERY_S * number / HOSTS
        for _ in range(ROUNDS):
            await asyncio.sleep(due - loop.time())
            due += EVERY_S
            began = time.perf_counter()
            headers = {"X-Prometheus-Scrape-Timeout-Seconds": f"{WITHIN_S:g}", "Accept-Encoding": "gzip"}
            async with session.get(f"http://127.0.0.1:{port}/hosts/h{number}/metrics", headers=headers) as answer:
                body = await answer.read()
            taken.append(time.perf_counter() - began)
            if answer.status != 200:
                failed.append(f"{answer.status} {body[:100]!r}")

    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=EVERY_S * 2)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        await asyncio.gather(*(ask(session, number) for number in range(HOSTS)))
    cuts = statistics.quantiles(taken, n=100)
    print(f"{len(taken):,} scrapes, {len(failed)} failed {failed[:1]}")
    print(f"p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms, longest {max(taken) * 1000:.0f} ms")


# -- ours


async def be_ours(folder: Path) -> None:
    """Connect to all hosts, serve them, and print what that cost us."""
    from orchestrator.inventory import Host, HostSet, Inventory
    from orchestrator.monitor.endpoints import Endpoints
    from orchestrator.monitor.meters import Gauges, Meters
    from orchestrator.monitor.server import serving
    from orchestrator.ssh import Keys, Phase, Pool, Trust

    async def gauges() -> Gauges:
        return {}

    hosts = HostSet(
        Host(f"h{number}", address(number), port=PORT, user="any", exporter=("127.0.0.1", PORT))
        for number in range(HOSTS)
    )
    port, meters = PORT + 1, Meters()
    async with Pool(trust=Trust(folder / "keys/known_hosts"), keys=Keys(folder / "keys")) as pool:
        began = time.perf_counter()
        pool.keep(hosts)
        while any(pool.state(host).phase is not Phase.UP for host in hosts):  # noqa: ASYNC110  it is seen soon enough
            await asyncio.sleep(0.05)
        print(f"{HOSTS} hosts connected in {time.perf_counter() - began:.1f} s")
        endpoints = Endpoints(
            address=f"127.0.0.1:{port}",
            inventory=lambda: Inventory(hosts=hosts),
            open_tcp=pool.open_tcp,
            state=pool.state,
            meters=meters,
            gauges=gauges,
            scraped=lambda: None,
        )
        watching = asyncio.create_task(meters.watch_loop())
        async with serving(("127.0.0.1", port), endpoints.routes):
            before, began = _cpu(), time.perf_counter()
            asker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.scrape", "asker", str(port), stdout=asyncio.subprocess.PIPE
            )
            said, _ = await asker.communicate()
            spent, lasted = _cpu() - before, time.perf_counter() - began
        watching.cancel()
    print(said.decode(), end="")
    print(f"{spent / lasted:.1%} of a processor, {spent / (HOSTS * ROUNDS) * 1000:.2f} ms a scrape")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")
    print(f"the event loop was late by {meters.stall * 1000:.0f} ms at most in the last minute")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Prepare a folder, start the hosts, and measure."""
    from tests.monitor.endpoint import node_exporter
    from tests.sshd import keygen

    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keys").mkdir(mode=0o700)
        keygen(folder / "keys/id_ed25519")
        host_key = " ".join(keygen(folder / "host_key").with_suffix(".pub").read_text().split()[:2])
        lines = (f"[{address(number)}]:{PORT} {host_key}\n" for number in range(HOSTS))
        (folder / "keys/known_hosts").write_text("".join(lines))
        with node_exporter("127.0.0.1") as port:
            (folder / "page").write_bytes(_page(port))
        argv = [sys.executable, "-m", "benchmarks.scrape", "hosts", name]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            print(process.stdout.readline(), end="", flush=True)
            asyncio.run(be_ours(folder))


def _page(port: int) -> bytes:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        body: bytes = answer.read()
    return body


if __name__ == "__main__":
    if sys.argv[1:2] == ["hosts"]:
        asyncio.run(be_hosts(Path(sys.argv[2])))
    elif sys.argv[1:2] == ["asker"]:
        asyncio.run(be_asker(int(sys.argv[2])))
    else:
        main()
