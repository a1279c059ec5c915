"""A real Prometheus that has hours of series of made-up hosts, in the shapes in which node_exporter gives them."""

from __future__ import annotations

import math
import random
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.monitor.client import PrometheusClient
from tests.monitor.prometheus import answers, prometheus

EVERY_S = 30
AHEAD_S = 900  # beyond now, so that there is a newest value for as long as a test lasts
SIZES = {"/": 40e9, "/boot": 1e9, "/var/lib/postgresql": 200e9}


@dataclass(frozen=True, slots=True)
class Story:
    """How a host went: ratios around which its processors, memory and disks were; `away` are hours, counted back from
    now, in which it could not be scraped, `burst` such hours and how busy its processors were in them, and `fired`
    alerts by name with such hours.
    """

    host: str
    cpu: float = 0.3
    memory: float = 0.4
    disks: tuple[float, ...] = (0.5,)
    away: tuple[float, float] | None = None
    fired: tuple[tuple[str, float, float], ...] = ()
    swing: float = 0.15
    burst: tuple[float, float, float] | None = None


def lines_of(story: Story, start: int, end: int) -> dict[str, list[str]]:
    """OpenMetrics lines by name of the metric."""
    made: dict[str, list[str]] = {}
    chance = random.Random(story.host)
    phase, idle, busy, noise, now = chance.random() * 6, 0.0, 0.0, 0.0, end - AHEAD_S
    label = 'host="' + story.host.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    def put(name: str, more: str, value: float, at: int) -> None:
        made.setdefault(name, []).append(f"{name}{{{label}{more}}} {value:.6g} {at}")

    for at in range(start, end, EVERY_S):
        back = (now - at) / 3600
        noise = 0.9 * noise + chance.gauss(0, 0.012)
        wave = math.sin(at / 86400 * 2 * math.pi + phase) + 0.4 * math.sin(at / 5400 + phase)
        usual = story.cpu + story.swing * wave
        if story.burst and story.burst[1] < back <= story.burst[0]:
            usual = story.burst[2]
        cpu = min(1.0, max(0.01, usual + noise))
        busy, idle = busy + EVERY_S * cpu, idle + EVERY_S * (1 - cpu)
        for name, first, last in story.fired:
            if last < back <= first:
                put("ALERTS", f',alertname="{name}",alertstate="firing"', 1, at)
        if story.away and story.away[1] < back <= story.away[0]:
            put("up", ',job="orchestrator-hosts"', 0, at)
            continue
        put("up", ',job="orchestrator-hosts"', 1, at)
        put("node_cpu_seconds_total", ',cpu="0",mode="user"', busy, at)
        put("node_cpu_seconds_total", ',cpu="0",mode="idle"', idle, at)
        put("node_cpu_seconds_total", ',cpu="0",mode="iowait"', 1, at)
        put("node_memory_MemTotal_bytes", "", 8e9, at)
        used = min(0.99, max(0.02, story.memory + 0.05 * wave + noise / 2))
        put("node_memory_MemAvailable_bytes", "", 8e9 * (1 - used), at)
        for number, (mount, disk) in enumerate(zip(SIZES, story.disks, strict=False)):
            of = f',device="/dev/vda{number + 1}",fstype="ext4",mountpoint="{mount}"'
            free = SIZES[mount] * (1 - min(0.99, disk - 0.03 * back / 24 + noise / 20))
            put("node_filesystem_size_bytes", of, SIZES[mount], at)
            put("node_filesystem_free_bytes", of, free, at)
            put("node_filesystem_avail_bytes", of, free, at)
    return made


def backfill(stories: Sequence[Story], hours: float, series: Path) -> None:
    """Write blocks of Prometheus's database into the folder `series`."""
    end = int(time.time()) // EVERY_S * EVERY_S + AHEAD_S
    start = end - AHEAD_S - int(hours * 3600)
    families: dict[str, list[str]] = {}
    for story in stories:
        for name, made in lines_of(story, start, end).items():
            families.setdefault(name, []).extend(made)
    series.mkdir(parents=True)
    text = series.with_suffix(".openmetrics")
    with text.open("w") as file:
        file.writelines(f"{line}\n" for line in _flat(families.values()))
        file.write("# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(series)]
    subprocess.run(command, check=True, capture_output=True)
    text.unlink()


def _flat(families: Iterable[list[str]]) -> Iterable[str]:
    for family in families:
        yield from family


@asynccontextmanager
async def remembering(folder: Path, stories: Sequence[Story], hours: float = 25) -> AsyncIterator[PrometheusClient]:
    """A Prometheus that scrapes nothing and remembers `stories`."""
    backfill(stories, hours, folder / "state" / "series")
    (folder / "prometheus").mkdir()
    (folder / "prometheus" / "prometheus.yml").write_text("scrape_configs: []\n")
    async with prometheus(folder) as (_, client):
        await answers(client, "up")
        yield client
