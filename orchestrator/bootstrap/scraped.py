"""Whether Prometheus has taken up hosts that were just bootstrapped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from orchestrator.bootstrap.model import Step
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import Absence

Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, Absence]]]
"""`Metrics.absence`."""

# The list of targets is read anew every 5 s, and each target scraped every 15 s (see monitor/configure.py).
_WAIT_S = 30.0
_PAUSE_S = 1.0


async def scraped(ask: Ask, hosts: Sequence[str], stop: asyncio.Event) -> AsyncIterator[Step]:
    """A step for each of `hosts`, as soon as Prometheus scrapes it, within 30 s.

    None is ever failed: the hosts are managed, and that no Prometheus runs now is not theirs to mend.
    """
    waiting, end = list(hosts), time.monotonic() + _WAIT_S
    why = "Prometheus does not scrape it yet"
    while waiting:
        try:
            found = await ask(waiting)
        except PrometheusError as error:
            why = error.what
            break
        for host in [host for host in waiting if found[host] is Absence.EMPTY]:
            waiting.remove(host)
            yield Step(host, "scraped", True, "Prometheus scrapes it")
        if stop.is_set() or time.monotonic() > end:
            break
        if waiting:
            await asyncio.sleep(_PAUSE_S)
    for host in waiting:
        yield Step(host, "scraped", None, why)
