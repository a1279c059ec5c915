"""Repeated measurement and a table of ratios."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def seconds(work: Callable[[], object], *, runs: int = 7) -> list[float]:
    """Wall seconds of `runs` runs of `work`, after one that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return taken


def program(argv: Sequence[str], environ: Mapping[str, str], folder: Path | None = None) -> Callable[[], object]:
    """A program to run in `folder` to a successful end, its output thrown away."""

    def run() -> None:
        done = subprocess.run(
            argv, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(argv)}\n{done.stdout}{done.stderr}")

    return run


def table(ours: str, measured: Mapping[str, Sequence[float]]) -> str:
    """A line each, slowest first: median, spread, and how many times longer than `ours`."""
    base = statistics.median(measured[ours])
    lines = [f"{'':34} {'median':>9} {'min':>9} {'max':>9}  ratio"]
    for name, taken in sorted(measured.items(), key=lambda item: -statistics.median(item[1])):
        median = statistics.median(taken)
        lines.append(f"{name:34} {median:8.3f}s {min(taken):8.3f}s {max(taken):8.3f}s {median / base:6.1f}")
    return "\n".join(lines)
