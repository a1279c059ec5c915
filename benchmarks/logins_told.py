"""From a login to its message: when all is well, and after the way to the host was broken.

A booted host, `orchestrator serve` as a process of its own, and a Bot API over HTTP. Needs root, as the lab does.

Usage: python -m benchmarks.logins_told [LOGINS] [RECONNECTS]
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.lab import Lab
from tests.telegram.emulator import Telegram
from tests.telegram.test_logins_told import Watched, watching

LOGINS, RECONNECTS = 60, 20
BREAKS = 5  # of one `serve`: after each, its way back takes twice as long
BETWEEN_S = 3.2  # a login is a message and an edit or two: as slowly as a chat takes them


@dataclass(frozen=True, slots=True)
class Told:
    """When sshd let somebody in, by the host's own stamp, and when Telegram took the message; epoch seconds."""

    let_in: float
    at: float


async def come_in(watched: Watched) -> Told:
    """Log in, and wait for the message."""
    tg = watched.tg
    shown = len(tg.of("sendMessage"))
    process = await asyncio.create_subprocess_exec(*watched.argv("ops", "date +%s.%N"), stdout=subprocess.PIPE)
    printed, _ = await process.communicate()
    await tg.expect(lambda _: len(tg.of("sendMessage")) > shown, within=60)
    return Told(float(printed), time.time() - time.monotonic() + tg.of("sendMessage")[shown].at)


def say(what: str, took: Sequence[float]) -> None:
    """A line of figures."""
    ordered = sorted(took)
    worst = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    median = statistics.median(ordered)
    print(f"{what}: n {len(ordered)}, median {median:.2f} s, p99 {worst:.2f} s, max {ordered[-1]:.2f} s", flush=True)


async def all_well(watched: Watched, logins: int) -> list[float]:
    """What each of so many logins took."""
    took = []
    for _ in range(logins):
        told = await come_in(watched)
        took.append(told.at - told.let_in)
        await asyncio.sleep(BETWEEN_S)
    return took


async def broken(watched: Watched, breaks: int) -> list[tuple[float, float]]:
    """Of each login right after the way broke: seconds from it to its message, and from when both it had been and the
    host, by its own stamp, had let us in again."""
    took = []
    for _ in range(breaks):
        cut = time.time()
        await asyncio.to_thread(watched.visited.machine.kill_sessions)
        told = await come_in(watched)
        took.append((told.at - told.let_in, told.at - max(told.let_in, await back_at(watched, cut))))
        print(f"  {took[-1][0]:.2f} s, of these since the way back {took[-1][1]:.2f} s", flush=True)
        await asyncio.sleep(BETWEEN_S)
    return took


async def back_at(watched: Watched, cut: float) -> float:
    """When the host let us in again after `cut`."""
    async with asyncio.timeout(20):
        while True:
            again = [row.began_at for row in await watched.sessions() if row.ours and row.began_at >= cut]
            if again:
                return min(again)
            await asyncio.sleep(0.2)


@asynccontextmanager
async def served_anew(lab: Lab) -> AsyncIterator[Watched]:
    """The host, followed by a `serve` of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with Telegram() as tg, watching(tg, lab, Path(folder)) as watched:
            yield watched


async def main(logins: int, reconnects: int) -> None:
    """Measure and print."""
    took: list[tuple[float, float]] = []
    with Lab(1, name="logins-told") as lab:
        if logins:
            async with served_anew(lab) as watched:
                say("login to message, all well", await all_well(watched, logins))
        while len(took) < reconnects:
            async with served_anew(lab) as watched:
                took += await broken(watched, min(BREAKS, reconnects - len(took)))
    if took:
        say("login to message, the way just broken", [each[0] for each in took])
        say("way back to message", [each[1] for each in took])


if __name__ == "__main__":
    counts = [int(word) for word in sys.argv[1:3]]
    asyncio.run(main(*(counts + [LOGINS, RECONNECTS][len(counts) :])))
