"""Real processes for the tests to look at, and a way to run commands without a pool."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Command, Result, Status

LISTENER = Path(__file__).with_name("listener.py")


@dataclass(frozen=True)
class ShellRun:
    """Runs commands as children of this process; `prefix` enters a namespace or changes the user."""

    prefix: Sequence[str] = ()
    shell: str = "/bin/sh"
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def argv(self, script: str) -> list[str]:
        """The words that run `script`."""
        return [*self.prefix, *self.shell.split(), "-c", script.replace("/bin/sh", self.shell)]

    async def __call__(self, host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:  # noqa: ARG002 - nothing here runs long enough to be stopped
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *self.argv(command.script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
        )
        async with asyncio.timeout(command.timeout):
            stdout, stderr = await process.communicate(command.stdin)
        return Result(
            host.name,
            Status.OK if process.returncode == 0 else Status.FAILED,
            process.returncode,
            stdout,
            stderr,
            duration=time.monotonic() - started,
        )


@dataclass(frozen=True)
class SshRun(ShellRun):
    """Runs commands with the stock ssh client; `prefix` holds its words up to the host, `shell` may begin with sudo."""

    def argv(self, script: str) -> list[str]:
        return [*self.prefix, f"{self.shell} -c {shlex.quote(script)}"]


@dataclass(frozen=True)
class Listening:
    """A listener of listener.py: its process, first and last port, and the pids of children that share its sockets."""

    process: subprocess.Popen[str]
    port: int
    last_port: int
    children: tuple[int, ...]

    @property
    def pid(self) -> int:
        return self.process.pid


@contextmanager
def listening(*arguments: str, prefix: Sequence[str] = ()) -> Iterator[Listening]:
    """A listener with these arguments, ended afterwards if the test did not end it."""
    argv = [*prefix, sys.executable, "-I", "-S", str(LISTENER), *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        port, last_port, *children = process.stdout.readline().split()
        try:
            yield Listening(process, int(port), int(last_port), tuple(map(int, children)))
        finally:
            for pid in map(int, children):
                if alive(pid):
                    subprocess.run(["kill", "-KILL", str(pid)], check=True)
            process.kill()


def alive(pid: int) -> bool:
    """True if there is such a process and it has not ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for `condition`; AssertionError when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
