"""From a synchronous verb into the running program and back, with Ctrl-C as a request to stop."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from orchestrator.home import Home

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.control import Actor, Face

INTERRUPTED = 130  # 128 + SIGINT, as shells have it

T = TypeVar("T")


def run_with_app(
    home: Home, work: Callable[[App, asyncio.Event], Awaitable[int]], *, until_stopped: bool = False
) -> int:
    """Open everything for `home`, run `work`, close; returns the exit status.

    The event given to `work` is set by the first Ctrl-C or SIGTERM: `work` then stops what it does on the hosts and
    returns, and the status is 130, or that of `work` when it runs `until_stopped`. A second one abandons it.
    """
    from orchestrator.app import App

    async def body() -> int:
        stop = asyncio.Event()
        async with App.open(home, ask_passphrase=ask_passphrase) as app:
            with_signals(stop)
            status = await work(app, stop)
        return INTERRUPTED if stop.is_set() and not until_stopped else status

    logging.basicConfig(level=logging.WARNING, format="orchestrator: %(message)s")
    return asyncio.run(body())


def home_of(context: typer.Context) -> Home:
    """The home that ``--home`` or the environment names."""
    option: Path | None = context.find_root().obj
    return Home.find(option)


def with_signals(stop: asyncio.Event) -> None:
    """Let SIGINT and SIGTERM set `stop`, and the second of them cancel the current task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def caught() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, caught)


def local_actor(face: Face) -> Actor:
    """Whoever runs this process."""
    from orchestrator.control import Actor

    name = os.environ.get("SUDO_USER") or getpass.getuser()
    return Actor(f"local:{name}", name, face)


def ask_passphrase(path: Path) -> str | None:
    """Ask for the passphrase of a key on the terminal; None without one."""
    if not sys.stdin.isatty():
        return None
    return getpass.getpass(f"Passphrase for {path}: ")


async def confirm(question: str, stop: asyncio.Event) -> bool:
    """Ask for a yes on the terminal; anything else, no terminal, or Ctrl-C is a no."""
    if not sys.stdin.isatty() or stop.is_set():
        return False
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    # Watched by the loop, not read in a thread: a thread waiting for a line could not be left behind on Ctrl-C.
    loop.add_reader(sys.stdin, readable.set)
    waits = [asyncio.create_task(readable.wait()), asyncio.create_task(stop.wait())]
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return not stop.is_set() and sys.stdin.readline().strip().lower() in ("y", "yes")
    finally:
        loop.remove_reader(sys.stdin)
        for wait in waits:
            wait.cancel()
