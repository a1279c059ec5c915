"""A real Prometheus under our care."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.monitor.client import PrometheusClient, PrometheusError
from orchestrator.monitor.direct import DirectScraping
from orchestrator.monitor.prometheus import OwnPrometheus, Tell, installed_prometheus
from orchestrator.monitor.supervise import Programs
from tests import sshd

LOOPBACK = "127.0.0.1"
RULES = Path(__file__).parents[2] / "prometheus" / "rules"
NO_RULES = Path("/nonexistent")


async def unheard(problem: str) -> None:
    """Nobody is told."""


async def find() -> Programs:
    """The programs of this machine's package."""
    programs = installed_prometheus()
    assert programs is not None, "apt-get install prometheus"
    return programs


def static(targets: dict[str, int], *, every: str = "1s") -> str:
    """A configuration as a person may write it: hosts by name, with the port of the exporter of each."""
    jobs = "".join(
        f"      - targets: ['{LOOPBACK}:{port}']\n        labels: {{host: '{host}'}}\n"
        for host, port in targets.items()
    )
    return (
        f"global: {{scrape_interval: {every}, scrape_timeout: {every}}}\n"
        f"scrape_configs:\n  - job_name: mine\n    static_configs:\n{jobs}"
    )


@asynccontextmanager
async def prometheus(
    folder: Path,
    *,
    scraped: tuple[str, int] = (LOOPBACK, 1),
    port: int | None = None,
    rules: Path = NO_RULES,
    tell: Tell = unheard,
    direct: DirectScraping | None = None,
    alertmanager: str = f"http://{LOOPBACK}:1",
) -> AsyncIterator[tuple[OwnPrometheus, PrometheusClient]]:
    """Our own Prometheus with its files in `folder`, and somebody to ask it; stopped at the end."""
    listen = (LOOPBACK, port or sshd.free_port(LOOPBACK))
    own = OwnPrometheus(
        folder / "prometheus",
        folder / "state",
        listen=listen,
        scraped=scraped,
        alertmanager=alertmanager,
        rules=rules,
        direct=direct,
        find=find,
        tell=tell,
        first_pause=0.1,
    )
    client = PrometheusClient(f"http://{LOOPBACK}:{listen[1]}", timeout=5)
    task = asyncio.create_task(own.run())
    try:
        yield own, client
    finally:
        task.cancel()
        await asyncio.wait([task])
        client.close()


async def answers(client: PrometheusClient, promql: str = "vector(1)", within: float = 60.0) -> None:
    """Wait until Prometheus gives something for an expression."""

    async def something() -> bool:
        return bool(await client.query(promql))

    await until(something, within)


async def until(condition: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Wait for something that will be true soon; Prometheus may be away meanwhile."""
    end = time.monotonic() + within
    while True:
        try:
            if await condition():
                return
        except PrometheusError:
            pass
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
