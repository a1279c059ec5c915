"""A real Prometheus finds the hosts by /sd and scrapes them through their SSH connections."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import replace
from pathlib import Path

import aiohttp

from orchestrator.inventory import Host
from orchestrator.monitor.configure import NAME, snippet
from orchestrator.ssh import Keys, Pool, Trust
from tests.monitor.endpoint import HERE, Serve, endpoint, exporter, node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus
from tests.ssh.conftest import QUICK
from tests.sshd import fleet, free_port

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n"


def bomb() -> Serve:
    """An exporter whose answer of less than 1 MiB unpacks to 128."""
    packer = zlib.compressobj(1, wbits=31)
    lines = b"bomb 1\n" * ((1 << 20) // 7)
    packed = b"".join(packer.compress(lines) for _ in range(128)) + packer.flush()
    assert len(packed) < 1 << 20

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + packed)
        writer.write_eof()
        await reader.read()

    return answer


def liar() -> Serve:
    """An exporter that says what only rules may say."""
    lies = b'host:threshold:ratio{metric="cpu"} 0\nALERTS{alertname="AgentDown",alertstate="firing"} 1\nhonest 1\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + lies)
        writer.write_eof()
        await reader.read()

    return answer


async def test_hosts_are_found_scraped_and_labelled(tmp_path: Path) -> None:
    with fleet(tmp_path / "home", 1) as servers, node_exporter(HERE) as port:
        web = replace(servers.servers[0].host("web1"), exporter=(HERE, port), labels={"rack": "a1"})
        odd = replace(web, name="網頁+1@x", labels={})
        gone = Host("db1", "127.0.0.77", port=1)
        keys = servers.keys
        async with (
            exporter(bomb()) as hostile,
            exporter(liar()) as lying,
            Pool(trust=Trust(keys / "known_hosts"), keys=Keys(keys), limits=QUICK) as pool,
            endpoint(pool, web, odd, gone, replace(hostile, name="bomb"), replace(lying, name="liar")) as ours,
        ):
            (tmp_path / "prometheus").mkdir()
            jobs = snippet((LOOPBACK, ours.port))
            quick = f"global: {{scrape_interval: 2s, scrape_timeout: 2s}}\nscrape_configs:\n{jobs}"
            (tmp_path / "prometheus" / NAME).write_text(quick)
            listen = free_port(LOOPBACK)
            async with prometheus(tmp_path, port=listen) as (_, client), aiohttp.ClientSession() as session:
                instance = f"{web.address}:{port}"
                await answers(client, f'up{{host="web1", instance="{instance}", rack="a1"}} == 1')
                await answers(client, f'up{{host="{odd.name}"}} == 1')
                await answers(client, 'up{host="db1", instance="127.0.0.77:9100"} == 0')
                await answers(client, 'node_load1{host="web1"}')
                await answers(client, 'orchestrator_scrape_duration_seconds_count{outcome="ok"} > 1')
                assert ours.scrapes
                await answers(client, 'up{host="bomb"} == 0')
                await answers(client, 'count(up{job="orchestrator-hosts"}) == 5 unless on() {__name__="bomb"}')
                await answers(client, 'honest{host="liar"}')
                assert not await client.query('{__name__=~".*:.*|ALERTS.*"}')
                async with session.get(f"http://{LOOPBACK}:{listen}/api/v1/targets") as answer:
                    targets = (await answer.json())["data"]["activeTargets"]
                errors = {target["labels"].get("host"): target["lastError"] for target in targets}
                assert errors["bomb"] == "body size limit exceeded"
                assert "503" in errors["db1"]
