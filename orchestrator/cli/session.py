"""From a synchronous verb into the running program and back, with Ctrl-C as a request to stop."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import pwd
import select
import signal
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import typer

from orchestrator.errors import Refused, UsageError
from orchestrator.home import Home

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.control import Actor, Face

log = logging.getLogger(__name__)

INTERRUPTED = 130  # 128 + SIGINT, as shells have it

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SHORTEST_PASSPHRASE = 8

T = TypeVar("T")


class Interrupted(Refused):
    """Somebody pressed Ctrl-C before anything was done."""

    exit_status: ClassVar[int] = INTERRUPTED


def run_with_app(
    home: Home,
    work: Callable[[App, asyncio.Event], Awaitable[int]],
    *,
    until_stopped: bool = False,
    telegram: bool = False,
) -> int:
    """Open everything for `home`, run `work`, close; returns the exit status.

    The event given to `work` is set by the first Ctrl-C, SIGTERM or SIGHUP: `work` then stops what it does on the
    hosts and returns, and the status is 130, or that of `work` when it runs `until_stopped`. A second one abandons it.
    Only with `telegram` the bot token is read.
    """
    from orchestrator.app import App

    async def body() -> int:
        stop = asyncio.Event()
        with_signals(stop)
        async with App.open(home, ask_passphrase=partial(ask_passphrase, stop), telegram=telegram) as app:
            status = await work(app, stop)
        return INTERRUPTED if stop.is_set() and not until_stopped else status

    logging.basicConfig(level=logging.WARNING, format="orchestrator: %(message)s")
    try:
        return asyncio.run(body())
    except asyncio.CancelledError:
        log.error("interrupted again: what ran on the hosts may still be running")
        return INTERRUPTED


def home_of(context: typer.Context) -> Home:
    """The home that ``--home`` or the environment names."""
    option: Path | None = context.find_root().obj
    return Home.find(option)


def with_signals(stop: asyncio.Event) -> None:
    """Let SIGINT, SIGTERM and SIGHUP set `stop`, and the second of them cancel the current task.

    One that is ignored stays so: that is how nohup(1) and a shell's background jobs ask for it.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def caught() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, caught)


def interrupt_on_signals() -> None:
    """Let SIGTERM and SIGHUP end what runs now as Ctrl-C does, so that it cleans up."""
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """Let the block run to its end whatever signal asks to stop; one that came raises KeyboardInterrupt after it."""
    came: list[int] = []
    numbers = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def local_actor(face: Face) -> Actor:
    """Whoever runs this process, as the system knows it; root is asked who it is behind sudo(8).

    The rest of the environment is not: anybody may set LOGNAME to somebody else's name.
    """
    from orchestrator.control import Actor

    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # usual in a container
        name = str(user)
    if user == 0:
        name = os.environ.get("SUDO_USER") or name
    return Actor(f"local:{name}", name, face)


def ask_passphrase(stop: asyncio.Event, path: Path) -> str | None:
    """Ask for the passphrase of a key on the terminal; None without one, or once `stop` is set. Runs in a thread."""
    return ask_unseen(f"Passphrase for {path}", stop)


def ask_unseen(what: str, stop: asyncio.Event) -> str | None:
    """Ask for a secret on the terminal; None without one, or once `stop` is set. Runs in a thread."""
    if not sys.stdin.isatty():
        return None
    with _unseen(sys.stdin.fileno()):
        print(f"{what}: ", end="", file=sys.stderr, flush=True)
        # Not getpass(3): a thread that waits for a line could not be left behind on Ctrl-C.
        while not stop.is_set():
            if select.select([sys.stdin], [], [], 0.1)[0]:
                return sys.stdin.readline().rstrip("\n") or None
    return None


def new_passphrase() -> str:
    """Ask for a new passphrase, twice, unseen. Raises `Refused` without a terminal, `Interrupted` on Ctrl-C."""
    if not sys.stdin.isatty():
        raise Refused(
            "there is no terminal to ask for a passphrase on", remedy="Give --passphrase-file, or --no-passphrase"
        )
    try:
        while True:
            first = getpass.getpass("New passphrase: ", sys.stderr)
            if len(first) < SHORTEST_PASSPHRASE:
                print(f"At least {SHORTEST_PASSPHRASE} characters, please.", file=sys.stderr)
            elif first == getpass.getpass("Once more: ", sys.stderr):
                return first
            else:
                print("They differ.", file=sys.stderr)
    except (KeyboardInterrupt, EOFError):
        raise Interrupted("nothing was made") from None


def passphrase_for_new(folder: Path, *, none: bool, file: Path | None) -> str | None:
    """What to encrypt a new key in `folder` with: nothing if `none`, the first line of `file`, or what is asked for.

    Raises `UsageError` for contradictions, and what `new_passphrase` raises.
    """
    from orchestrator.ssh import passphrase_file

    if none and file:
        raise UsageError("--no-passphrase and --passphrase-file exclude each other")
    if file is None:
        return None if none else new_passphrase()
    passphrase = passphrase_file(file)(folder)
    if not passphrase:
        raise UsageError("its first line is empty", where=str(file))
    return passphrase


@contextmanager
def _unseen(terminal: int) -> Iterator[None]:
    """What is typed while the block lasts is not shown."""
    before = termios.tcgetattr(terminal)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        print(file=sys.stderr, flush=True)


async def confirm(question: str, stop: asyncio.Event, *, instead: str) -> bool:
    """Ask for a yes on the terminal; anything else is a no.

    Raises `Interrupted` on Ctrl-C, and `Refused` without a terminal, naming the option to give `instead`.
    """
    if stop.is_set():
        raise Interrupted("nothing was done")
    if not sys.stdin.isatty():
        raise Refused("nothing was done: there is no terminal to ask on", remedy=f"Give {instead}")
    answer = await ask_line(f"{question} [y/N] ", stop)
    if answer is None:
        raise Interrupted("nothing was done")
    return answer.strip().lower() in ("y", "yes")


async def ask_line(question: str, stop: asyncio.Event) -> str | None:
    """A line from the terminal; None without one, or once `stop` is set."""
    if not sys.stdin.isatty():
        return None
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    # Watched by the loop, not read in a thread: a thread waiting for a line could not be left behind on Ctrl-C.
    loop.add_reader(sys.stdin, readable.set)
    waits = [asyncio.create_task(readable.wait()), asyncio.create_task(stop.wait())]
    print(question, end="", file=sys.stderr, flush=True)
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return None if stop.is_set() else sys.stdin.readline().rstrip("\n")
    finally:
        loop.remove_reader(sys.stdin)
        for wait in waits:
            wait.cancel()
