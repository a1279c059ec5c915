"""Readings from a real Prometheus that scrapes real and made-up exporters."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet import Fleet
from orchestrator.inventory import Host, HostSet
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.query import Absence, Metric, Metrics, Reading, Snapshot, _selector
from orchestrator.monitor.window import Window
from orchestrator.readings import Readings
from orchestrator.ssh.result import Command, Result, Status
from orchestrator.ssh.state import HostState, Phase
from tests import sshd
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus, static, until

ODD = 'a"b\\c|.*{}'
MADE_UP = """\
node_memory_MemAvailable_bytes 25
node_memory_MemTotal_bytes 100
node_cpu_seconds_total{cpu="0",mode="idle"} 0
node_cpu_seconds_total{cpu="0",mode="iowait"} 0
node_cpu_seconds_total{cpu="0",mode="user"} NOW
node_cpu_seconds_total{cpu="1",mode="idle"} 0
node_filesystem_size_bytes{device="/dev/sda",fstype="ext4",mountpoint="/"} 110
node_filesystem_free_bytes{device="/dev/sda",fstype="ext4",mountpoint="/"} 30
node_filesystem_avail_bytes{device="/dev/sda",fstype="ext4",mountpoint="/"} 20
node_filesystem_size_bytes{device="/dev/sda",fstype="ext4",mountpoint="/srv/bound"} 110
node_filesystem_free_bytes{device="/dev/sda",fstype="ext4",mountpoint="/srv/bound"} 30
node_filesystem_avail_bytes{device="/dev/sda",fstype="ext4",mountpoint="/srv/bound"} 20
node_filesystem_size_bytes{device="/dev/sdb",fstype="xfs",mountpoint="/data"} 100
node_filesystem_free_bytes{device="/dev/sdb",fstype="xfs",mountpoint="/data"} 5
node_filesystem_avail_bytes{device="/dev/sdb",fstype="xfs",mountpoint="/data"} 5
node_filesystem_size_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/run"} 100
node_filesystem_free_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/run"} 1
node_filesystem_avail_bytes{device="tmpfs",fstype="tmpfs",mountpoint="/run"} 1
node_filesystem_size_bytes{device="overlay",fstype="overlay",mountpoint="/var/lib/docker/overlay2/x/merged"} 100
node_filesystem_free_bytes{device="overlay",fstype="overlay",mountpoint="/var/lib/docker/overlay2/x/merged"} 1
node_filesystem_avail_bytes{device="overlay",fstype="overlay",mountpoint="/var/lib/docker/overlay2/x/merged"} 1
node_load1 1
node_load5 2
node_load15 3
node_time_seconds 1000
node_boot_time_seconds 400
"""


class MadeUp:
    """An exporter that says `text`, until it is taken away."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.gone = False

    def go(self) -> None:
        """Answer no more."""
        self.gone = True

    async def metrics(self, _: web.Request) -> web.Response:
        if self.gone:
            raise web.HTTPServiceUnavailable
        return web.Response(text=self._text.replace("NOW", f"{time.time()}"))


@asynccontextmanager
async def made_up(text: str = MADE_UP) -> AsyncIterator[tuple[MadeUp, int]]:
    exporter, port = MadeUp(text), sshd.free_port(LOOPBACK)
    app = web.Application()
    app.add_routes([web.get("/metrics", exporter.metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port).start()
    try:
        yield exporter, port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def scraped(folder: Path, targets: dict[str, int]) -> AsyncIterator[tuple[Metrics, PrometheusClient]]:
    (folder / "prometheus").mkdir()
    (folder / "prometheus" / "prometheus.yml").write_text(static(targets).replace("\\", "\\\\"))
    async with prometheus(folder) as (_, client):
        yield Metrics(client), client


async def unreached(host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:  # noqa: ARG001
    return Result(host.name, Status.UNREACHABLE, detail="connection refused")


async def test_values_series_and_their_absence(tmp_path: Path) -> None:
    async with made_up() as (exporter, port):
        targets = {"db1": port, "gone": sshd.free_port(LOOPBACK)}
        async with scraped(tmp_path, targets) as (metrics, client):
            await answers(client, 'rate(node_cpu_seconds_total{host="db1"}[2m])')
            await answers(client, 'up{host="gone"} == 0')
            hosts = ["gone", "db1", "never"]
            assert await metrics.now(Metric.MEMORY, hosts) == {"db1": (Reading(0.75),)}
            # What df(1) says of /dev/sda: 80 used, 20 to be had. It counts once; what is no disk does not.
            assert await metrics.now(Metric.DISK, hosts) == {"db1": (Reading(0.95, "/data"), Reading(0.8, "/"))}
            assert await metrics.now(Metric.CPU, hosts) == {"db1": (Reading(1.0),)}, "no time was idle"
            assert await metrics.absence(["gone", "db1", "never"]) == {
                "gone": Absence.DOWN,
                "db1": Absence.EMPTY,
                "never": Absence.NEVER,
            }
            snapshots = await metrics.snapshots(hosts)
            disks = (Reading(0.95, "/data"), Reading(0.8, "/"))
            load = (1.0, 2.0, 3.0)
            assert snapshots == {"db1": Snapshot(cpu=1, memory=0.75, disks=disks, load=load, cpus=2, uptime=600)}
            now = int(time.time())
            series = await metrics.over(Metric.DISK, hosts, Window(now - 300, now))
            assert [(each.host, each.mount) for each in series] == [("db1", "/data"), ("db1", "/")]
            assert await metrics.over(Metric.MEMORY, hosts, Window(now - 7200, now - 3600)) == ()

            # A host that dies has no value at once, though rates of it could still be made for two minutes.
            exporter.go()

            async def dead() -> bool:
                return not any([await metrics.now(metric, hosts) for metric in Metric])

            await until(dead, within=5)
            gone, asked = await metrics.last_up("db1"), time.time()
            assert gone
            assert gone == pytest.approx(asked, abs=60)
            assert await metrics.last_up("gone") is None, "it never was"
            first = await metrics.first_sample("db1")
            assert first
            assert asked - 120 < first <= asked

            # In words, where a chart would be of a time without samples.
            away = HostState(Phase.BACKOFF, datetime.now(UTC), "no route to host")
            readings = Readings(metrics, Fleet(unreached), lambda _: away, zone=UTC)
            db1, never = Host("db1", LOOPBACK), Host("never", LOOPBACK)
            later = await readings.over(Metric.CPU, HostSet([db1, never]), Window(now + 60, now + 120))
            clock = f"{datetime.fromtimestamp(gone, UTC):%H:%M}"
            assert later.missing["db1"].endswith(f"no route to host; away since {clock}")
            assert later.missing["never"] == "no route to host"
            (told,) = await readings.now(Metric.CPU, HostSet([db1]))
            assert told.why == f"connection refused; away since {clock}"
            assert await client.query('rate(node_cpu_seconds_total{host="db1"}[2m])')
            assert await metrics.snapshots(hosts) == {}
            assert (await metrics.absence(["db1"])) == {"db1": Absence.DOWN}


async def test_names_are_data(tmp_path: Path) -> None:
    async with made_up() as (_, port):
        text = static({"web1": port, "web2": port})
        odd = f"      - targets: ['{LOOPBACK}:{port}']\n        labels: {{host: '{ODD}'}}\n"
        (tmp_path / "prometheus").mkdir()
        (tmp_path / "prometheus" / "prometheus.yml").write_text(text + odd)
        async with prometheus(tmp_path) as (_, client):
            await answers(client, 'count(up{host!=""} == 1) == 3')
            metrics = Metrics(client)
            assert set(await metrics.now(Metric.MEMORY, [ODD])) == {ODD}
            assert await metrics.now(Metric.MEMORY, [".*", 'x"} or up{host!="', "web[12]", "web1|web2", ""]) == {}
            many = [f"h{n}" for n in range(300)]
            assert set(await metrics.now(Metric.MEMORY, [*many, "web2"])) == {"web2"}


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_a_matcher_is_one_string(names: list[str]) -> None:
    matcher = _selector(names)
    assert matcher.startswith('host=~"')
    inner = matcher[len('host=~"') : -1]
    assert '"' not in inner.replace("\\\\", "").replace('\\"', "")
    assert not inner.replace("\\\\", "").endswith("\\")
    assert "\n" not in inner


async def test_a_real_machine_agrees_with_df(tmp_path: Path) -> None:
    with node_exporter(LOOPBACK) as port:
        async with scraped(tmp_path, {"here": port}) as (metrics, client):
            await answers(client, 'rate(node_cpu_seconds_total{host="here"}[2m])')
            values = {metric: (await metrics.now(metric, ["here"])).get("here", ()) for metric in Metric}
    assert 0 < values[Metric.MEMORY][0].value < 1
    assert 0 <= values[Metric.CPU][0].value <= 1
    assert values[Metric.LOAD][0].value == pytest.approx(os.getloadavg()[1] / (os.cpu_count() or 1), abs=2)
    for reading in values[Metric.DISK]:
        usage = await asyncio.to_thread(shutil.disk_usage, reading.mount)
        assert reading.value == pytest.approx(usage.used / (usage.used + usage.free), abs=0.03)
