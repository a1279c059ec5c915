"""The demo's processes: started with their output in a file, waited for, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from orchestrator.errors import OrchestratorError

START_WITHIN_S = 10.0
END_WITHIN_S = 5.0


class DemoError(OrchestratorError, RuntimeError):
    """The demo cannot be started here, or did not go as it should."""

    exit_status = 2


def program(*names: str) -> str | None:
    """The path of the first of these programs that is installed. sbin is often not on a user's PATH."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def start(stack: ExitStack, command: Sequence[str], folder: Path, output: Path) -> int:
    """Run `command` in `folder` until the stack unwinds; returns its process id."""
    log = stack.enter_context(output.open("wb"))
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    stack.callback(_end, process)
    return process.pid


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_daemon(pid_file: Path, config: Path) -> None:
    """End the process of `pid_file` if it is the daemon that was started with `config`, and not just of its number."""
    with suppress(OSError, ValueError):
        pid = int(pid_file.read_text(encoding="ascii"))
        cmdline = Path(f"/proc/{pid}/cmdline")
        if bytes(config) not in cmdline.read_bytes():
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_WITHIN_S
        # It is not our child, so there is nothing to wait on.
        while cmdline.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)


def free_port(address: str) -> int:
    """A port that nobody listens on at `address` now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def wait_for(place: tuple[str, int], name: str, log: Path) -> None:
    """Return when somebody listens at `place`; raises `DemoError` with the last word of `log` if nobody does."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(place, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    raise DemoError(f"did not start within {START_WITHIN_S:.0f} s: {' '.join(said) or 'it said nothing'}", where=name)
