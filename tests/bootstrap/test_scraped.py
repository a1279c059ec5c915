"""The last step of bootstrap, against a real Prometheus."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.bootstrap import Step
from orchestrator.bootstrap.scraped import scraped
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.query import Metrics
from tests import sshd
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus, static


async def test_a_scraped_host_is_told_and_another_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    stop, told = asyncio.Event(), []
    with node_exporter(LOOPBACK) as port:
        (tmp_path / "prometheus" / "prometheus.yml").write_text(static({"web1": port}))
        async with prometheus(tmp_path) as (_, client):
            await answers(client)
            async for step in scraped(Metrics(client).absence, ["web1", "db1"], stop):
                told.append(step)
                stop.set()  # nobody waits for db1
    assert told == [
        Step("web1", "scraped", True, "Prometheus scrapes it"),
        Step("db1", "scraped", None, "Prometheus does not scrape it yet"),
    ]


async def test_without_a_prometheus_nobody_waits() -> None:
    client = PrometheusClient(f"http://{LOOPBACK}:{sshd.free_port(LOOPBACK)}", timeout=5)
    told = [step async for step in scraped(Metrics(client).absence, ["web1"], asyncio.Event())]
    client.close()
    assert told == [Step("web1", "scraped", None, "Prometheus gives no answer: connection refused")]
