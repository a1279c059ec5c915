"""What flows between us and one running command, whatever carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from orchestrator.ssh.become import Entrance
from orchestrator.ssh.capture import Capture
from orchestrator.ssh.remote import Program

OnOutput = Callable[[str, bytes], None]

_CHUNK = 1 << 16


class Channel(Protocol):
    """The way to a started command: its standard input, and hanging up. asyncssh's channels fit."""

    def write(self, data: bytes) -> None:
        """Send to standard input; raises OSError when that is closed."""

    def write_eof(self) -> None:
        """End standard input."""

    def close(self) -> None:
        """Hang up; does not end the command."""


class Receiver(Protocol):
    """What a transport reports to, and where it notes that it asked the host to start something."""

    requested: bool

    def received(self, stream: str, data: bytes) -> None:
        """Take output: `stream` is ``stdout`` or ``stderr``."""

    def exited(self, exit_code: int | None, signal: str | None = None) -> None:
        """It ended with a status, or by a signal (its name without SIG, the code as a shell gives it)."""

    def closed(self, loss: str = "") -> None:
        """Nothing more will come; `loss` says why when the way broke."""

    def pause(self, paused: bool) -> None:
        """Hold back standard input, or let it flow again."""


class Spawner(Protocol):
    """Starts commands on one host."""

    async def spawn(self, line: str, exchange: Receiver) -> Channel:
        """Start `line` in the account's shell, reporting to `exchange`. Raises NotStarted."""

    def spoil(self) -> None:
        """Told when something was left behind, so that the way there is not used for new commands."""


class NotStarted(Exception):
    """The command was certainly not started. `again` says whether a fresh connection is worth one more try."""

    def __init__(self, detail: str, *, again: bool, crowded: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.again = again
        self.crowded = crowded


class Exchange:
    """Collects the output of one command within bounds, feeds its input, and knows how it ended.

    A transport reports to it (see Receiver); everything else is for whoever runs the command.
    """

    def __init__(self, program: Program, limit: int, on_output: OnOutput | None = None) -> None:
        self.stdout = Capture(limit)
        self.stderr = Capture(limit)
        self.requested = False
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.loss = ""
        self.entrance = Entrance(program.token, program.become)
        self.fault: Exception | None = None
        self.ended = asyncio.Event()
        self.finished = asyncio.Event()
        self._program = program
        self._on_output = on_output
        self._writable = asyncio.Event()
        self._writable.set()

    # -- what a transport reports

    def received(self, stream: str, data: bytes) -> None:
        """See Receiver."""
        if not self.entrance.announced.is_set():
            data = self.entrance.listen(stream, data)
        self._keep(stream, data)

    def exited(self, exit_code: int | None, signal: str | None = None) -> None:
        """See Receiver."""
        self.exit_code, self.signal = exit_code, signal
        self.ended.set()

    def closed(self, loss: str = "") -> None:
        """See Receiver."""
        self.loss = loss
        self.ended.set()
        self.finished.set()
        self._keep("stderr", self.entrance.end())
        self._writable.set()

    def pause(self, paused: bool) -> None:
        """See Receiver."""
        if paused:
            self._writable.clear()
        else:
            self._writable.set()

    # -- what the runner asks

    def mute(self) -> None:
        """Pass nothing on to `on_output` any more: nobody waits for it."""
        self._on_output = None

    @property
    def has_status(self) -> bool:
        """True once we know how the command ended."""
        return self.exit_code is not None or self.signal is not None

    async def feed(self, channel: Channel) -> None:
        """Send standard input, then its end; a reader that went away is no error, its exit status tells.

        Where a question may come everything waits: the password goes to that only, and the script only to the shell
        that announced itself.
        """
        try:
            if not self.entrance.must_wait or await self.entrance.passed(channel, self.finished):
                view = memoryview(self._program.stdin)
                for start in range(0, len(view), _CHUNK):
                    await self._writable.wait()
                    channel.write(bytes(view[start : start + _CHUNK]))
            channel.write_eof()
        except OSError:
            return

    # -- inside

    def _keep(self, stream: str, data: bytes) -> None:
        if not data:
            return
        (self.stdout if stream == "stdout" else self.stderr).feed(data)
        if self._on_output is None:
            return
        try:
            self._on_output(stream, data)
        except Exception as error:  # noqa: BLE001  the runner raises it; here it would tear down the connection
            self._on_output = None
            self.fault = error
            self.ended.set()
