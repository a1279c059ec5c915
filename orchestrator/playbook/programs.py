"""Programs run on the control node for a playbook: lookups and vault passwords. Their time and output are bounded."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_CHUNK = 64 << 10


class ProgramFailed(Exception):
    """It does not run, takes too long, prints too much or ends with a status other than 0. The text says which."""


def output_of(command: str | Sequence[str], *, folder: Path | None = None, seconds: float, at_most: int) -> bytes:
    """What `command` prints on standard output: an argument list, or a text for the shell, run in `folder`.

    Standard input is empty, errors go where ours go. Raises ProgramFailed; whatever it started is killed then.
    """
    try:
        process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramFailed(f"it does not run: {error.strerror}") from error
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    try:
        output = _read(process.stdout, deadline, at_most)
        status = process.wait(max(deadline - time.monotonic(), 0.0))
    except (ProgramFailed, subprocess.TimeoutExpired) as failure:
        raise (failure if isinstance(failure, ProgramFailed) else _late()) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()
    if status:
        raise ProgramFailed(f"it ended with {status}")
    return output


def _read(stream: IO[bytes], deadline: float, at_most: int) -> bytes:
    output = bytearray()
    while True:
        ready, _, _ = select.select([stream], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            raise _late()
        chunk = os.read(stream.fileno(), _CHUNK)
        if not chunk:
            return bytes(output)
        output += chunk
        if len(output) > at_most:
            raise ProgramFailed(f"it prints more than {at_most >> 10} KiB")


def _late() -> ProgramFailed:
    return ProgramFailed("it takes too long")
