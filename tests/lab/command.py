"""Running the system's own programs, and waiting for something to become true."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class LabError(RuntimeError):
    """The lab could not do what was asked; the message says what to do about it."""


def command(*argv: str, stdin: str = "", timeout: float = 60) -> str:
    """Standard output of a program that must succeed; a failure is a LabError holding what it said."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(argv)} ended with status {done.returncode}: {said}")
    return done.stdout


def wait_until(what: str, probe: Callable[[], T | None], timeout: float, interval: float = 0.03) -> T:
    """First true answer of `probe`, asked every `interval` seconds; LabError after `timeout` seconds without one."""
    deadline = time.monotonic() + timeout
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout:g} s")
        time.sleep(interval)
    return answer
