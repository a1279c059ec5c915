"""`orchestrator mon`: readings, figures over time and pictures, from a real Prometheus and without any."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.demo import DemoFleet
from tests.cli.command import orchestrator
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus, static
from tests.sshd import free_port


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus of somebody's own that knows web1, and that web2 does not answer."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port(LOOPBACK)
    (folder / "prometheus").mkdir()
    with node_exporter(LOOPBACK) as exporter:
        (folder / "prometheus" / "prometheus.yml").write_text(static({"web1": exporter, "web2": free_port(LOOPBACK)}))

        async def run(ready: threading.Event) -> None:
            async with prometheus(folder, port=port) as (_, client):
                await answers(client, 'rate(node_cpu_seconds_total{host="web1"}[2m])')
                await answers(client, 'up{host="web2"} == 0')
                ready.set()
                await asyncio.to_thread(done.wait)

        ready, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=asyncio.run, args=(run(ready),))
        thread.start()
        try:
            assert ready.wait(60)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            done.set()
            thread.join()


def test_a_value(fleet: DemoFleet, url: str) -> None:
    told = orchestrator(fleet.home, "mon", "cpu", "web1", "--json", PROMETHEUS_URL=url)
    assert told.status == 0
    (host,) = told.json["hosts"]
    assert host["host"] == "web1"
    assert 0 <= host["readings"][0]["value"] <= 1
    assert not host["direct"]
    assert told.err == ""


def test_values_of_several_hosts_each_with_where_it_is_from(fleet: DemoFleet, url: str) -> None:
    told = orchestrator(fleet.home, "mon", "mem", "all", PROMETHEUS_URL=url)
    assert told.status == 0
    assert re.search(r"^web1 +\d+\.\d%$", told.out, re.MULTILINE)
    assert re.search(r"^web2 +\d+\.\d%$", told.out, re.MULTILINE)
    assert "web2: asked directly: its scrapes fail" in told.err
    assert "db1: asked directly: Prometheus does not scrape it yet" in told.err
    assert "web1" not in told.err


def test_figures_and_a_chart_of_the_last_minutes(fleet: DemoFleet, url: str, tmp_path: Path) -> None:
    file = tmp_path / "cpu.png"
    told = orchestrator(fleet.home, "mon", "cpu", "web1", "5", "--png", str(file), PROMETHEUS_URL=url)
    assert told.status == 0
    assert re.search(r"^web1( +\d+\.\d%){3}$", told.out, re.MULTILINE)
    with Image.open(file) as image:
        assert (image.format, image.size) == ("PNG", (1280, 720))
    points = orchestrator(fleet.home, "mon", "cpu", "web1", "5", "--json", PROMETHEUS_URL=url).json
    assert points["end"] - points["start"] == 300
    assert all(
        points["start"] <= at <= points["end"] and 0 <= value <= 1 for at, value in points["series"][0]["points"]
    )


def test_no_data_is_no_success(fleet: DemoFleet, url: str, tmp_path: Path) -> None:
    file = tmp_path / "none.png"
    told = orchestrator(fleet.home, "mon", "cpu", "web2", "5", "--png", str(file), PROMETHEUS_URL=url)
    assert told.status == 4
    assert told.out == ""
    assert "web2: no data: its scrapes fail" in told.err
    assert not file.exists()
    # An hour ago nothing was scraped at all.
    before = (datetime.now().astimezone() - timedelta(hours=1)).strftime("%H%M")
    told = orchestrator(fleet.home, "mon", "cpu", "web1", before, "3", "--json", PROMETHEUS_URL=url)
    assert told.status == 4
    assert told.json["series"] == []
    assert re.fullmatch(r"its first sample is of (\d{4}-\d\d-\d\d )?\d\d:\d\d", told.json["missing"]["web1"])


def test_without_prometheus(fleet: DemoFleet) -> None:
    nobody = f"http://{LOOPBACK}:{free_port(LOOPBACK)}"
    told = orchestrator(fleet.home, "mon", "cpu", "5", PROMETHEUS_URL=nobody)
    assert told.status == 4
    assert told.err == f"orchestrator: {nobody}: Prometheus gives no answer: connection refused\n"
    told = orchestrator(fleet.home, "mon", "disk", PROMETHEUS_URL=nobody)
    assert told.status == 0
    assert "Server: asked directly: Prometheus gives no answer: connection refused" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["load"], "'load' cannot be read. Say one of: cpu, mem, disk"),
        (["cpu", "web9"], "web9 is not in the inventory"),
        (["cpu", "web1", "9999", "5"], "9999 is not a time of day"),
        (["cpu", "web1", "0"], "0 is not a number of minutes"),
        (["cpu", "web1", "web2", "5"], "web1 web2 is not one agent"),
    ],
)
def test_what_makes_no_sense(fleet: DemoFleet, words: list[str], said: str) -> None:
    told = orchestrator(fleet.home, "mon", *words)
    assert told.status == 2
    assert said in told.err


def test_other_kinds_of_pictures(fleet: DemoFleet, url: str, tmp_path: Path) -> None:
    for kind, hosts, status in (("heat", "web1", 0), ("bars", "all", 0), ("spread", "all", 0), ("card", "all", 4)):
        file = tmp_path / f"{kind}.png"
        metric = "disk" if kind == "bars" else "mem"
        told = orchestrator(fleet.home, "mon", metric, hosts, "--png", str(file), "--kind", kind, PROMETHEUS_URL=url)
        assert told.status == status, told.err
        assert told.out == ""
        with Image.open(file) as image:
            assert image.size[0] == 1280
        assert ("web2: no reading: its scrapes fail" in told.err) == (kind == "card")


def test_kinds_that_make_no_sense(fleet: DemoFleet, tmp_path: Path) -> None:
    file = str(tmp_path / "x.png")
    for words in (["--kind", "pie", "--png", file], ["--kind", "card"], ["30", "--kind", "card", "--png", file]):
        told = orchestrator(fleet.home, "mon", "cpu", "all", *words)
        assert told.status == 2
        assert len(told.err.splitlines()) == 1
    without = orchestrator(
        fleet.home, "mon", "cpu", "all", "--kind", "card", "--png", file, PROMETHEUS_URL="http://127.0.0.1:9"
    )
    assert without.status == 4
    assert "Prometheus gives no answer: connection refused" in without.err
