"""What we measure of ourselves, as plain numbers: cheap to keep in every program, written out by `exposition.py`."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Command, Result

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LOOK_S = 0.5
_REMEMBERED_S = 60.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A gauge with labels: their names, and a value for each tuple of theirs."""

    names: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


Gauges = Mapping[str, tuple[str, float | Labelled]]
"""Name -> what it says, and its value or values."""


class Durations:
    """A histogram of seconds for each value of one label."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, seconds: float) -> None:
        """Count one that took so long."""
        counts = self._counts.setdefault(label, [0] * (len(_BOUNDS_S) + 1))
        counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self._sums[label] = self._sums.get(label, 0.0) + seconds

    def buckets(self) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
        """Each label with how many took at most so long (``0.5`` ... ``+Inf``), and the sum of their seconds."""
        bounds = [*map(str, _BOUNDS_S), "+Inf"]
        for label, counts in self._counts.items():
            total = 0
            cumulative = []
            for bound, count in zip(bounds, counts, strict=True):
                total += count
                cumulative.append((bound, float(total)))
            yield label, cumulative, self._sums[label]


class Run(Protocol):
    """How a command gets to a host: `Pool.run`."""

    async def __call__(self, host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:
        """See Pool.run."""


class Meters:
    """`commands` by status, `scrapes` by outcome, and how late the event loop was."""

    def __init__(self) -> None:
        self.commands = Durations()
        self.scrapes = Durations()
        self.lags = Durations()
        self._recent: deque[float] = deque(maxlen=int(_REMEMBERED_S / _LOOK_S))

    def measured(self, run: Run) -> Run:
        """`run`, with each command counted."""

        async def measured(host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:
            result = await run(host, command, stop=stop)
            self.commands.observe(result.status.value, result.duration)
            return result

        return measured

    @property
    def stall(self) -> float:
        """The longest time that the event loop was late by in the last minute, in seconds."""
        return max(self._recent, default=0.0)

    async def watch_loop(self) -> None:
        """Look twice a second how late the event loop is, until cancelled."""
        while True:
            due = time.monotonic() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            late = max(0.0, time.monotonic() - due)
            self._recent.append(late)
            self.lags.observe("", late)
