"""Make the pictures of each kind of chart, in both languages and both styles.

A day of twelve hosts is filled into a real Prometheus, in the shapes in which node_exporter gives them, weeks of logins
into a database, and both are read and drawn by the program's own parts, as for a chat.

    PYTHONPATH=. .venv/bin/python docs/pictures/charts.py
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import logins  # the file beside this one
from PIL import Image

from orchestrator.alerts.thresholds import Threshold
from orchestrator.bot.drawing import Painter
from orchestrator.bot.language import LANGUAGES, Catalogues
from orchestrator.bot.render import readings as render
from orchestrator.bot.render.kinds import Kind
from orchestrator.bot.render.pictures import Asked
from orchestrator.bot.render.readings import View
from orchestrator.bot.sketch import sketch
from orchestrator.fleet import Fleet
from orchestrator.inventory import Host, HostSet
from orchestrator.monitor.charts import Charts
from orchestrator.monitor.query import Metric, Metrics
from orchestrator.monitor.window import Window
from orchestrator.readings import Readings
from orchestrator.ssh.state import HostState, Phase
from tests.monitor.history import Story, remembering

HERE = Path(__file__).parent
ZONE = ZoneInfo("Asia/Taipei")
COLOURS = 200  # of a picture's palette
STORIES = (
    Story(
        "web1", cpu=0.42, memory=0.55, disks=(0.61, 0.3), burst=(5.5, 4.2, 0.93), fired=(("AgentHighCPU", 5.4, 4.2),)
    ),
    Story("web2", cpu=0.38, memory=0.52, disks=(0.58, 0.3), away=(9.5, 8.6)),
    Story("web3", cpu=0.40, memory=0.57, disks=(0.60, 0.3)),
    Story("web4", cpu=0.33, memory=0.50, disks=(0.57, 0.3)),
    Story("db1", cpu=0.22, memory=0.78, disks=(0.48, 0.4, 0.93), swing=0.08),
    Story("db2", cpu=0.15, memory=0.74, disks=(0.46, 0.4, 0.71), swing=0.08),
    Story("cache1", cpu=0.10, memory=0.91, disks=(0.22, 0.3), swing=0.03, fired=(("AgentHighMemory", 7, -1),)),
    Story("mail1", cpu=0.08, memory=0.36, disks=(0.44, 0.3), swing=0.05),
    Story("build1", cpu=0.62, memory=0.45, disks=(0.79, 0.3), swing=0.3),
    Story("backup1", cpu=0.05, memory=0.20, disks=(0.84, 0.3), swing=0.02, burst=(14, 11, 0.7)),
    Story("log1", cpu=0.18, memory=0.48, disks=(0.69, 0.3)),
    Story("proxy1", cpu=0.25, memory=0.30, disks=(0.31, 0.3), away=(0.9, -1)),
)


def limit(host: Host, metric: Metric) -> Threshold:
    """Somebody has set another one for the web servers."""
    if metric is Metric.CPU and host.name.startswith("web"):
        return Threshold(0.75, "group web")
    return Threshold({Metric.CPU: 0.8, Metric.MEMORY: 0.85, Metric.DISK: 0.9}[metric], "default")


def state(host: Host) -> HostState:
    """All are connected but one."""
    if host.name == "proxy1":
        return HostState(Phase.BACKOFF, datetime.now(UTC) - timedelta(minutes=54), "no route to host")
    return HostState.now(Phase.UP)


async def nobody(*_: object, **__: object) -> None:
    """No host is asked."""
    raise AssertionError("Prometheus has it all")


@asynccontextmanager
async def readings() -> AsyncIterator[Readings]:
    """Of the twelve hosts."""
    with tempfile.TemporaryDirectory() as folder:
        async with remembering(Path(folder), STORIES) as client:
            yield Readings(Metrics(client), Fleet(nobody, own_ports=set()), state, limit)  # type: ignore[arg-type]


async def painters(of: Readings) -> dict[str, Painter]:
    """What is drawn, by the name of its file."""
    hosts, now = HostSet(Host(story.host, "192.0.2.1") for story in STORIES), datetime.now(UTC)
    half = Window.last(720, now)
    found: dict[str, Painter] = {}
    for name, metric, chosen, what in (
        ("line", Metric.CPU, HostSet([hosts["web1"]]), "web1"),
        ("lines", Metric.MEMORY, hosts, "all"),
    ):
        history = await of.over(metric, chosen, half)
        found[name] = partial(render.chart, View(metric, what, half), history)
    busy = HostSet(host for host in hosts if host.name != "proxy1")
    for kind, metric, chosen, what in (
        (Kind.HEAT, Metric.CPU, hosts, "all"),
        (Kind.BARS, Metric.DISK, HostSet([hosts["db1"], hosts["db2"]]), "db"),
        (Kind.SPREAD, Metric.MEMORY, busy, "all"),
        (Kind.CARD, Metric.CPU, hosts, "all"),
    ):
        found[kind.value] = (await sketch(Asked(kind, metric, what, now), chosen, of, ZONE)).picture
    return found


async def main() -> None:
    """Make them all."""
    catalogues, charts = Catalogues(ZONE), Charts()
    async with readings() as of:
        for name, painter in {**await painters(of), **await logins.painters()}.items():
            for language in LANGUAGES:
                for dark in (False, True):
                    png = await charts.draw(painter(catalogues.locale(language), dark=dark))
                    file = HERE / f"{name}-{language[:2]}-{'dark' if dark else 'light'}.png"
                    with Image.open(io.BytesIO(png)) as picture:
                        picture.convert("RGB").quantize(
                            COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
                        ).save(file, optimize=True)
                    print(f"{file.name}: {file.stat().st_size // 1000} kB")
    charts.close()


asyncio.run(main())
