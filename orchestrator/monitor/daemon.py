"""A program that runs as long as we do: never longer, and with a log that does not grow.

Not even a kill -9 of us leaves it behind: the kernel tells it that its parent has gone (PR_SET_PDEATHSIG, prctl(2)).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 1_000_000  # of the log and again of the one before it
LINE_BYTES = 1 << 16
STOP_WITHIN_S = 15.0

# Asked for by the program's own process before it becomes the program; the setting survives execve(2). If we died in
# between, nobody would be told, so it looks whether its parent is still the one that started it.
_STARTER = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@asynccontextmanager
async def running(argv: Sequence[str], log_file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while the block lasts, then ask it to stop, and insist after `STOP_WITHIN_S`.

    `argv[0]` is a path. What it prints goes to `log_file`. It inherits no secret: its environment is PATH alone.
    Must be entered in the main thread: the kernel takes the thread that forked for the parent. Raises OSError.
    """
    log = _Log(log_file)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        _STARTER,
        str(os.getpid()),
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        limit=LINE_BYTES,
        start_new_session=True,  # a Ctrl-C at our terminal is for us to pass on
    )
    assert process.stdout is not None
    copying = asyncio.create_task(_copy(process.stdout, log))
    try:
        yield process
    finally:
        await asyncio.shield(_stop(process))
        copying.cancel()
        await asyncio.wait([copying])
        log.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
                return


async def _copy(stream: asyncio.StreamReader, log: _Log) -> None:
    while line := await _line(stream):
        text = line.decode("utf-8", "replace").rstrip("\n")
        log.emit(logging.LogRecord("", logging.INFO, "", 0, text, None, None))


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; of one that is too long, what has come so far."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed or LINE_BYTES)


class _Log(RotatingFileHandler):
    """A file and the one before it. What does not fit on a full disk is lost: the program must not wait for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", errors="replace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing: logging would print a traceback for each line."""
