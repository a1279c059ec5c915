"""The control node itself as a host: the same commands and Results, without SSH."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

from orchestrator.inventory.model import Host
from orchestrator.ssh.exchange import Channel, NotStarted, OnOutput, Receiver, Spawner
from orchestrator.ssh.execution import Execution, exit_code_of
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.place import Refusal
from orchestrator.ssh.result import Command, Result, Status

T = TypeVar("T")
_FILES = {1: "stdout", 2: "stderr"}


class _Process(asyncio.SubprocessProtocol):
    """One local shell: passes what happens to its Receiver, and is its Channel."""

    def __init__(self, exchange: Receiver) -> None:
        self._exchange = exchange
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._exchange.received(_FILES[fd], data)

    def process_exited(self) -> None:
        assert self._transport is not None
        code = self._transport.get_returncode()
        assert code is not None
        if code < 0:
            name = _signal_name(-code)
            self._exchange.exited(exit_code_of(name), name)
        else:
            self._exchange.exited(code)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._exchange.closed()

    def pause_writing(self) -> None:
        self._exchange.pause(True)

    def resume_writing(self) -> None:
        self._exchange.pause(False)

    def write(self, data: bytes) -> None:
        """See Channel."""
        self._stdin.write(data)

    def write_eof(self) -> None:
        """See Channel."""
        self._stdin.close()

    def close(self) -> None:
        """See Channel; ends the shell if the sweep could not."""
        assert self._transport is not None
        self._transport.close()

    def pause_reading(self) -> None:
        """Hold back standard output."""
        self._stdout.pause_reading()

    def resume_reading(self) -> None:
        """Let it flow again."""
        self._stdout.resume_reading()

    @property
    def _stdout(self) -> asyncio.ReadTransport:
        assert self._transport is not None
        return cast(asyncio.ReadTransport, self._transport.get_pipe_transport(1))

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        assert self._transport is not None
        stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        if stdin is None or stdin.is_closing():
            raise BrokenPipeError("standard input is closed")
        return stdin


class Here:
    """Spawner for this machine. Commands get the home and environment of a fresh login, as ours holds secrets."""

    async def spawn(self, line: str, exchange: Receiver) -> Channel:
        """Start `line` in /bin/sh, in a session of its own as sshd would."""
        exchange.requested = True
        try:
            home, environment = _login()
            loop = asyncio.get_running_loop()
            _, process = await loop.subprocess_exec(
                lambda: _Process(exchange), "/bin/sh", "-c", line, start_new_session=True, cwd=home, env=environment
            )
        except OSError as error:
            exchange.requested = False
            raise NotStarted(f"no new process: {error.strerror}", again=False) from error
        return process

    def spoil(self) -> None:
        """Nothing to do: processes don't share anything."""


class WayHere:
    """Way and Place of this machine, which has room for everything."""

    def __init__(self) -> None:
        self.reserve = Here()

    def renew(self) -> None:
        """See Way; nothing is shared here."""

    async def start(
        self,
        begin: Callable[[Spawner], Awaitable[T]],
        stop: asyncio.Event | None,  # noqa: ARG002
    ) -> tuple[T, WayHere]:
        """See Way."""
        try:
            return await begin(self.reserve), self
        except NotStarted as error:
            raise Refusal(Status.UNREACHABLE, error.detail) from error

    def leave(self) -> None:
        """See Place."""

    def rest(self, leave: Callable[[], None]) -> None:
        """See Place; nobody else needs it."""

    def wake(self, leave: Callable[[], None]) -> None:
        """See Place."""

    def spoil(self) -> None:
        """See Place."""


async def run_here(
    host: Host, command: Command, limits: Limits, stop: asyncio.Event | None, on_output: OnOutput | None
) -> Result:
    """Run `command` on this machine; see Pool.run."""
    here = Here()
    try:
        return await Execution(host, command, here, here, limits).run(stop, on_output)
    except NotStarted as error:
        return Result(host.name, Status.UNREACHABLE, detail=error.detail)


def _login() -> tuple[str, dict[str, str]]:
    """Home and environment as sshd(8), "LOGIN PROCESS", gives them."""
    try:
        account = pwd.getpwuid(os.getuid())
        user, home, shell = account.pw_name, account.pw_dir, account.pw_shell or "/bin/sh"
    except KeyError:  # an account without a passwd entry, as in some containers
        user, home, shell = str(os.getuid()), "/", "/bin/sh"
    if not Path(home).is_dir():
        home = "/"
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "TZ") or name.startswith("LC_")}
    return home, {**kept, "HOME": home, "USER": user, "LOGNAME": user, "SHELL": shell, "PATH": search}


def _signal_name(number: int) -> str:
    return signal.Signals(number).name.removeprefix("SIG")
