"""Charts: from the question to Prometheus to the PNG, and what the event loop feels of 50 that are asked for at once.

A real Prometheus remembers a day of `HOSTS` hosts, a sample every 30 s. Each kind of picture is asked for `ROUNDS`
times, one after the other; then 50 line charts at once, while a task that wakes every 5 ms measures how late it is.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from orchestrator.bot.language import Catalogues
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

HOSTS = int(os.environ.get("BENCHMARK_HOSTS", "40"))
ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "20"))
AT_ONCE = 50
WAKE_S = 0.005


async def nobody(*_: object, **__: object) -> None:
    """No host is asked."""
    raise AssertionError("Prometheus has it all")


async def main() -> None:
    """Print a table."""
    stories = [Story(f"web{n}", cpu=0.1 + n % 7 / 10, disks=(0.5, 0.3)) for n in range(HOSTS)]
    hosts = HostSet(Host(story.host, "192.0.2.1") for story in stories)
    with tempfile.TemporaryDirectory() as folder:
        async with remembering(Path(folder), stories) as client:
            fleet = Fleet(nobody, own_ports=set())  # type: ignore[arg-type]
            readings = Readings(Metrics(client), fleet, lambda _: HostState.now(Phase.UP))
            await measure(hosts, readings)


async def measure(hosts: HostSet, readings: Readings) -> None:
    """All of it."""
    charts, locale = Charts(), Catalogues().locale("en")
    one = HostSet([hosts[0]])

    async def line(chosen: HostSet, minutes: int) -> bytes:
        window = Window.last(minutes, datetime.now(UTC))
        history = await readings.over(Metric.CPU, chosen, window)
        view = View(Metric.CPU, "web", window, minutes)
        return await charts.draw(render.chart(view, history, locale, dark=False))

    async def other(kind: Kind, chosen: HostSet) -> bytes:
        asked = Asked(kind, Metric.DISK if kind is Kind.BARS else Metric.CPU, "web", datetime.now(UTC))
        return await charts.draw((await sketch(asked, chosen, readings, None)).picture(locale, dark=False))

    await line(one, 60)  # fonts
    print(f"{HOSTS} hosts; load of this machine {os.getloadavg()[0]:.1f}")
    print(f"{'':24}{'p50':>9}{'p95':>9}{'CPU':>9}{'bytes':>10}")
    kinds: list[tuple[str, Callable[[], Awaitable[bytes]]]] = [
        ("line, 1 host, 1 h", partial(line, one, 60)),
        ("line, 1 host, 24 h", partial(line, one, 1440)),
        (f"lines, {HOSTS} hosts, 24 h", partial(line, hosts, 1440)),
        *((f"{kind}, {HOSTS} hosts", partial(other, kind, hosts)) for kind in Kind),
    ]
    for name, make in kinds:
        taken: list[float] = []
        size, spent = 0, time.process_time()
        for _ in range(ROUNDS):
            began = time.perf_counter()
            size = len(await make())
            taken.append(time.perf_counter() - began)
        cuts, cpu = statistics.quantiles(taken, n=20), (time.process_time() - spent) / ROUNDS
        print(f"{name:24}{cuts[9] * 1000:6.0f} ms{cuts[18] * 1000:6.0f} ms{cpu * 1000:6.0f} ms{size:10,}", flush=True)

    late: list[float] = []
    watching = asyncio.create_task(watch(late))
    began = time.perf_counter()
    await asyncio.gather(*(line(one, 60) for _ in range(AT_ONCE)))
    lasted = time.perf_counter() - began
    watching.cancel()
    cuts = statistics.quantiles(late, n=100)
    print(f"{AT_ONCE} at once: {lasted:.1f} s in all")
    p50, p99, most = (1000 * seconds for seconds in (cuts[49], cuts[98], max(late)))
    print(f"the event loop was late by {p50:.1f} ms (p50), {p99:.0f} ms (p99), {most:.0f} ms at most")
    charts.close()


async def watch(late: list[float]) -> None:
    """How late a task that wakes every few milliseconds is."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(WAKE_S)
        late.append(time.perf_counter() - began - WAKE_S)


asyncio.run(main())
