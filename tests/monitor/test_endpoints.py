"""Metrics of hosts through their SSH connections, over real HTTP, sshd and node_exporter; and hosts that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import aiohttp
import pytest

from orchestrator.errors import SettingsError
from orchestrator.inventory import Host
from orchestrator.monitor.scrape import LARGEST
from orchestrator.monitor.server import serving
from orchestrator.ssh import Command, Keys, Phase, Pool, Trust
from tests.monitor.endpoint import HERE, Endpoint, Serve, endpoint, exporter, node_exporter
from tests.ssh.conftest import QUICK
from tests.ssh.test_faults import until
from tests.sshd import Fleet, fleet, free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet") / "home", 3) as made:
        yield made


@pytest.fixture(scope="module")
def exporter_port() -> Iterator[int]:
    with node_exporter(HERE) as port:
        yield port


@pytest.fixture
async def pool(servers: Fleet) -> AsyncIterator[Pool]:
    async with Pool(trust=Trust(servers.keys / "known_hosts"), keys=Keys(servers.keys), limits=QUICK) as pool:
        yield pool


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def outcomes(endpoint: Endpoint) -> dict[str, int]:
    return {label: int(buckets[-1][1]) for label, buckets, _ in endpoint.meters.scrapes.buckets()}


# -- what Prometheus gets


async def test_a_real_exporter_behind_ssh(servers: Fleet, pool: Pool, exporter_port: int) -> None:
    first, second, bastion = servers.servers
    web = replace(first.host("web1"), exporter=(HERE, exporter_port))
    behind = replace(second.host("behind", jump=bastion.host("bastion")), exporter=(HERE, exporter_port))
    async with endpoint(pool, web, behind) as ours:
        plain = await ours.get("/hosts/web1/metrics", Accept_Encoding="identity")
        assert (plain.status, plain.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert re.search(r"^node_cpu_seconds_total\{.*\} ", plain.text, re.MULTILINE)
        assert plain.text.endswith("\n")
        packed = await ours.get("/hosts/behind/metrics", Accept_Encoding="gzip")
        assert packed.headers["Content-Encoding"] == "gzip"
        assert b"node_load1 " in gzip.decompress(packed.body), "it is passed on as it came, whole"
        assert len(packed.body) < len(plain.body) / 3
        assert outcomes(ours) == {"ok": 2}


async def test_the_exporter_is_asked_for_what_the_asker_takes(pool: Pool, stack: AsyncExitStack) -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\n\r\n# EOF\n")
        writer.write_eof()
        await reader.read()

    host = await stack.enter_async_context(exporter(answer))
    ours = await stack.enter_async_context(endpoint(pool, host))
    answered = await ours.get("/hosts/odd/metrics", Accept="application/openmetrics-text", Cookie="a=b", X_Other="1")
    assert (answered.headers["Content-Type"], answered.text) == (
        "application/openmetrics-text; version=1.0.0",
        "# EOF\n",
    )
    assert heads[0].decode().splitlines() == [
        "GET /metrics HTTP/1.1",
        f"Host: {HERE}:{host.exporter[1] if host.exporter else 0}",
        "Accept: application/openmetrics-text",
        "User-Agent: orchestrator",
        "Connection: close",
        "Accept-Encoding: gzip",
        "",
    ]


async def test_many_scrapes_beside_commands(servers: Fleet, pool: Pool, exporter_port: int) -> None:
    host = replace(servers.servers[0].host("web1"), exporter=(HERE, exporter_port))
    stop = asyncio.Event()
    async with endpoint(pool, host) as ours:
        busy = [asyncio.create_task(pool.run(host, Command("sleep 60"), stop=stop)) for _ in range(QUICK.channels)]
        answers = await asyncio.gather(*(ours.get("/hosts/web1/metrics") for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        stop.set()
        await asyncio.gather(*busy)


async def test_targets(pool: Pool) -> None:
    hosts = [
        Host("web1", "192.0.2.1", labels={"rack": "a1", "host": "no", "job": "no", "instance": "no"}),
        Host("db1", "2001:db8::1", exporter=("::1", 9200)),
        Host("dark", "192.0.2.3", exporter=None),
    ]
    async with endpoint(pool, *hosts) as ours:
        answer = await ours.get("/sd")
        assert answer.headers["Content-Type"].startswith("application/json")
        here = f"127.0.0.1:{ours.port}"
        assert json.loads(answer.body) == [
            {
                "targets": [here],
                "labels": {
                    "rack": "a1",
                    "host": "web1",
                    "instance": "192.0.2.1:9100",
                    "__metrics_path__": "/hosts/web1/metrics",
                },
            },
            {
                "targets": [here],
                "labels": {"host": "db1", "instance": "[2001:db8::1]:9200", "__metrics_path__": "/hosts/db1/metrics"},
            },
        ]


async def test_the_control_node_is_a_target_once_its_exporter_was_there(pool: Pool, exporter_port: int) -> None:
    server = Host("Server", "127.0.0.1", local=True, exporter=(HERE, free_port(HERE)))
    async with endpoint(pool, server=server) as ours:
        assert json.loads((await ours.get("/sd")).body) == []
        assert (await ours.get("/hosts/Server/metrics")).status == 502
    async with endpoint(pool, server=replace(server, exporter=(HERE, exporter_port))) as ours:
        (target,) = json.loads((await ours.get("/sd")).body)
        assert target["labels"]["host"] == "Server"
        assert b"node_load1" in (await ours.get("/hosts/Server/metrics", Accept_Encoding="identity")).body


async def test_our_own_metrics(servers: Fleet, pool: Pool) -> None:
    host = servers.servers[0].host("web1")
    async with endpoint(pool, host, Host("gone", HERE, port=1)) as ours:
        run = ours.meters.measured(pool.run)
        await run(host, Command("true"))
        await run(host, Command("exit 3"))
        await ours.get("/hosts/gone/metrics")
        watching = asyncio.create_task(ours.meters.watch_loop())
        await until(lambda: next(ours.meters.lags.buckets(), None))
        watching.cancel()
        text = (await ours.get("/metrics")).text
    for line in (
        'orchestrator_connections{phase="up"} 1.0',
        'orchestrator_command_duration_seconds_count{status="ok"} 1.0',
        'orchestrator_command_duration_seconds_count{status="failed"} 1.0',
        'orchestrator_scrape_duration_seconds_count{outcome="down"} 1.0',
        "orchestrator_loop_lag_seconds_count 1.0",
        "orchestrator_answer 42.0",
        'orchestrator_many{host="web1",kind="\\"a\\""} 1.5',
    ):
        assert f"\n{line}\n" in text
    assert re.search(r"^orchestrator_loop_stall_seconds [0-9.e-]+$", text, re.MULTILINE)
    assert re.search(r"^process_resident_memory_bytes [0-9.e+]+$", text, re.MULTILINE)
    assert (await health(pool)) == (200, "ok\n")


async def test_only_a_prometheus_counts_as_one(pool: Pool) -> None:
    async with endpoint(pool) as ours:
        for agent in ("curl/8.5.0", "Mozilla/5.0 Prometheus/2.45.0", ""):
            await ours.get("/metrics", User_Agent=agent)
        assert not ours.scrapes
        await ours.get("/metrics", User_Agent="Prometheus/2.45.0")
        assert ours.scrapes == [True]


async def health(pool: Pool) -> tuple[int, str]:
    async with endpoint(pool) as ours:
        answer = await ours.get("/healthz")
        return answer.status, answer.text


# -- hosts that are not there


async def test_hosts_that_cannot_be_scraped_say_why(servers: Fleet, pool: Pool) -> None:
    closed = free_port(HERE)
    hosts = [
        replace(servers.servers[0].host("closed"), exporter=(HERE, closed)),
        Host("dark", HERE, exporter=None),
    ]
    async with endpoint(pool, *hosts) as ours:
        for path, status, why in [
            ("/hosts/nobody/metrics", 404, "no host of the inventory has that name"),
            ("/hosts/..%2fweb1/metrics", 404, "no host"),
            ("/hosts/dark/metrics", 404, "dark has no exporter"),
            ("/hosts/closed/metrics", 502, f"closed: no exporter at {HERE}:{closed}: nothing answers there"),
        ]:
            answer = await ours.get(path)
            assert (answer.status, answer.text.count("\n")) == (status, 1)
            assert why in answer.text


async def test_a_host_that_is_down_fails_at_once(servers: Fleet, pool: Pool) -> None:
    down = replace(servers.servers[0].host("down"), port=free_port("127.0.0.1"))
    parked = replace(servers.servers[1].host("parked"), user="nobody-we-know")
    pool.keep([down, parked])
    await until(lambda: pool.state(down).reason and pool.state(parked).phase is Phase.PARKED)
    async with endpoint(pool, down, parked) as ours:
        begun = time.monotonic()
        answers = await asyncio.gather(*(ours.get(f"/hosts/{name}/metrics") for name in ("down", "parked") * 20))
        assert time.monotonic() - begun < 15, "the asker's own bound is later"
        assert {(answer.status, answer.text) for answer in answers} == {
            (503, "down: connection refused\n"),
            (503, "parked: permission denied for user nobody-we-know\n"),
        }


# -- hosts that answer what they should not


def saying(*pieces: bytes) -> Serve:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        await reader.read()

    return answer


def endless(head: bytes, piece: bytes) -> Serve:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return answer


GARBLED = {
    "not HTTP": (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP"),
    "a binary": (saying(bytes(range(256)) * 10), "does not speak HTTP"),
    "nothing": (saying(), "broke off|does not speak HTTP"),
    "an error": (saying(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), "answers 500"),
    "a redirect": (saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:22/\r\n\r\n"), "answers 302"),
    "interim answers without end": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "answers 100"),
    "another protocol": (
        saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nmore"),
        "answers 101|more than|speak HTTP",
    ),
    "a web page": (saying(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<script>"), "is no exporter"),
    "no type": (saying(b"HTTP/1.1 200 OK\r\n\r\nup 1\n"), "is no exporter"),
    "another packing": (saying(OK + b"Content-Encoding: br\r\n\r\nxx"), "nobody asked for"),
    "headers without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 80 + b"\r\n"), "speak HTTP"),
    "one header without end": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 4096), "speak HTTP"),
    "two lengths": (saying(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nup 1\n"), "speak HTTP"),
    "a header in disguise": (saying(OK + b"X: a\x00b\r\n\r\n"), "speak HTTP"),
}


@pytest.mark.parametrize("case", GARBLED)
async def test_no_answer_of_an_exporter(pool: Pool, stack: AsyncExitStack, case: str) -> None:
    answer, why = GARBLED[case]
    host = await stack.enter_async_context(exporter(answer))
    ours = await stack.enter_async_context(endpoint(pool, host))
    said = await ours.get("/hosts/odd/metrics")
    assert said.status == 502
    assert re.fullmatch(rf"odd: .*({why}).*\n", said.text)
    assert outcomes(ours) == {"garbled": 1}


BROKEN = {
    "shorter than said": saying(OK + b"Content-Length: 100\r\n\r\nup 1\n"),
    "chunks that break off": saying(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n"),
    "chunks that lie": saying(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nup 1\nand more\r\n0\r\n\r\n"),
    "a chunk that is no number": saying(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\nzz\r\n"),
    "larger than allowed": endless(OK + b"\r\n", b"x" * 65536),
    "crumbs": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 5000),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_an_answer_that_goes_wrong_after_its_head_is_never_whole(
    pool: Pool, stack: AsyncExitStack, case: str
) -> None:
    host = await stack.enter_async_context(exporter(BROKEN[case]))
    ours = await stack.enter_async_context(endpoint(pool, host))
    begun = time.monotonic()
    with pytest.raises(aiohttp.ClientPayloadError):
        await ours.get("/hosts/odd/metrics")
    assert outcomes(ours) == {"garbled": 1}
    assert time.monotonic() - begun < 20


async def test_the_largest_answer_is_passed_on_whole(pool: Pool, stack: AsyncExitStack) -> None:
    piece = b"x" * 65536
    host = await stack.enter_async_context(exporter(saying(OK + b"\r\n", *[piece] * (LARGEST // len(piece)))))
    ours = await stack.enter_async_context(endpoint(pool, host))
    assert len((await ours.get("/hosts/odd/metrics")).body) == LARGEST


@pytest.mark.parametrize("case", ["silent", "slow head", "slow body"])
async def test_slow_answers_end_with_the_time_of_the_asker(pool: Pool, stack: AsyncExitStack, case: str) -> None:
    text = {"silent": b"", "slow head": OK, "slow body": OK + b"\r\nup 1\n"}[case]

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = len(OK) + 2 if case == "slow body" else 0
        writer.write(text[:head])
        for byte in text[head:]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.2)
        await reader.read()

    host = await stack.enter_async_context(exporter(drip))
    ours = await stack.enter_async_context(endpoint(pool, host))
    begun = time.monotonic()
    asking = ours.get("/hosts/odd/metrics", X_Prometheus_Scrape_Timeout_Seconds="0.5")
    if case == "slow body":
        with pytest.raises(aiohttp.ClientPayloadError):
            await asking
    else:
        answer = await asking
        assert (answer.status, answer.text) == (504, "odd: no whole answer within 0.475 s\n")
    assert time.monotonic() - begun < 10
    assert outcomes(ours) == {"timeout": 1}


@pytest.mark.parametrize("given", ["nan", "inf", "-1", "x", "0"])
async def test_a_senseless_time_is_not_taken(pool: Pool, stack: AsyncExitStack, given: str) -> None:
    host = await stack.enter_async_context(exporter(saying(OK + b"\r\nup 1\n")))
    ours = await stack.enter_async_context(endpoint(pool, host))
    answer = await ours.get("/hosts/odd/metrics", X_Prometheus_Scrape_Timeout_Seconds=given)
    assert (answer.status, answer.text) == (200, "up 1\n")


async def test_an_asker_who_leaves_ends_the_scrape(pool: Pool, stack: AsyncExitStack) -> None:
    gone = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        gone.set()

    host = await stack.enter_async_context(exporter(wait))
    ours = await stack.enter_async_context(endpoint(pool, host))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await ours.get("/hosts/odd/metrics")
    await asyncio.wait_for(gone.wait(), 30)
    await until(lambda: outcomes(ours) == {"abandoned": 1})


# -- who may ask


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
async def test_other_addresses_than_loopback_are_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="LISTEN: .* can be reached from elsewhere"):
        async with serving((address, 8002), []):
            pass


async def test_a_port_in_use_is_told(pool: Pool) -> None:
    async with endpoint(pool) as ours:
        with pytest.raises(SettingsError, match=f"LISTEN: 127.0.0.1:{ours.port} is used by another program"):
            async with serving(("127.0.0.1", ours.port), []):
                pass


@pytest.mark.parametrize(
    ("name", "status"),
    [("127.0.0.1:{port}", 200), ("localhost", 200), ("[::1]:{port}", 200), ("evil.example:{port}", 421), ("", 421)],
)
async def test_web_pages_of_others_do_not_reach_us(pool: Pool, name: str, status: int) -> None:
    async with endpoint(pool) as ours:
        assert (await ours.get("/sd", Host=name.format(port=ours.port))).status == status


async def test_nothing_but_reading(pool: Pool) -> None:
    async with endpoint(pool) as ours, aiohttp.ClientSession() as session:
        for method, path, status in [("POST", "/metrics", 405), ("GET", "/", 404), ("GET", "/hosts/a/b/metrics", 404)]:
            async with session.request(method, f"http://127.0.0.1:{ours.port}{path}") as answer:
                assert answer.status == status
