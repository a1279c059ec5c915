"""One started /bin/sh that reads calls from its standard input, from its entering to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from orchestrator.inventory.model import Become
from orchestrator.ssh.answer import Answer, Violation
from orchestrator.ssh.become import Entrance
from orchestrator.ssh.call import Library
from orchestrator.ssh.capture import Capture
from orchestrator.ssh.exchange import Channel, NotStarted, Spawner
from orchestrator.ssh.execution import first, never_started
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.place import Place, Refusal, Way
from orchestrator.ssh.remote import shell
from orchestrator.ssh.request import prepare
from orchestrator.ssh.result import Status

_NOISE_LIMIT = 1 << 14


class Session:
    """Receives what the shell sends and passes it to the Answer of the call that runs.

    `ended` is set when it can take nothing more; `violation` says what it sent that no shell of ours would.
    """

    def __init__(self, become: Become | None, drain: float) -> None:
        self.become = become
        self.drain = drain
        self.program = shell(become)
        self.entrance = Entrance(self.program.token, become)
        self.noise = Capture(_NOISE_LIMIT)
        self.requested = False
        self.exit_code: int | None = None
        self.signal: str | None = None
        self.loss = ""
        self.violation = ""
        self.ended = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self._greeting = f"{self.program.token}!\n".encode()
        self._before = bytearray()
        self._greeted = False
        self._answer: Answer | None = None
        self._libraries: dict[Library, int] = {}
        self._channel: Channel | None = None
        self._place: Place | None = None

    # -- what a transport reports

    def received(self, stream: str, data: bytes) -> None:
        """See Receiver."""
        if not self.entrance.announced.is_set():
            data = self.entrance.listen(stream, data)
            if stream == "stderr" and not self.entrance.announced.is_set():
                self.noise.feed(data)
                return
        if stream == "stdout" and not self._greeted:  # which may come in before the announcement does
            data = self._greet(data)
        if self._answer is None or not data:
            return
        try:
            self._answer.received(stream, data)
        except Violation as error:
            self.violation = str(error)
            self._answer.fail()

    def exited(self, exit_code: int | None, signal: str | None = None) -> None:
        """See Receiver."""
        self.exit_code, self.signal = exit_code, signal
        asyncio.get_running_loop().call_later(self.drain, self._over)  # a child may hold the outputs for ever

    def closed(self, loss: str = "") -> None:
        """See Receiver."""
        self.loss = loss
        self._over()

    def pause(self, paused: bool) -> None:
        """See Receiver."""
        if paused:
            self.writable.clear()
        else:
            self.writable.set()

    # -- for the shell

    async def enter(self, spawner: Spawner, timeout: float) -> Channel:
        """Start it; whether it was entered tells `entrance`. Raises NotStarted."""
        try:
            async with asyncio.timeout(timeout):
                return await spawner.spawn(self.program.line, self)
        except TimeoutError:
            spawner.spoil()
            raise NotStarted(f"no answer to a new session within {timeout:g} s", again=False) from None

    def settle(self, channel: Channel, place: Place) -> None:
        """It is started: how to write to it, and the place it holds."""
        self._channel, self._place = channel, place

    async def is_ready(self, patience: float) -> bool:
        """True if the next call can be sent; waits a moment for what the last one left."""
        answer = self._answer
        if answer is not None and not answer.ready.is_set():
            await first(answer.ready, self.ended, timeout=patience)
            if not answer.ready.is_set():
                return False
        return not (self.ended.is_set() or self.violation)

    def begin(self, answer: Answer) -> None:
        """From now on what arrives belongs to `answer`."""
        self._answer = answer
        if self.ended.is_set():
            answer.fail()

    def number(self, libraries: tuple[Library, ...]) -> tuple[dict[int, Library], list[int]]:
        """Those of `libraries` the shell does not know yet, under new numbers, and the numbers of all."""
        fresh = {}
        for library in libraries:
            if library not in self._libraries:
                self._libraries[library] = len(self._libraries) + 1
                fresh[self._libraries[library]] = library
        return fresh, [self._libraries[library] for library in libraries]

    def write(self, data: bytes) -> None:
        """Send to its standard input; what cannot be sent any more is told by `ended`."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.write(data)

    @property
    def failure(self) -> str:
        """Why it ended before it announced itself."""
        return never_started(self.entrance, self.become, self.exit_code, self.noise.value)

    @property
    def place(self) -> Place:
        """What it holds on the way to the host."""
        assert self._place is not None
        return self._place

    def end(self) -> None:
        """End its input and hang up; it exits when it has nothing more to do."""
        channel, place = self._channel, self._place
        self._channel = self._place = None
        if channel is not None:
            with contextlib.suppress(OSError):
                channel.write_eof()
            channel.close()
        if place is not None:
            place.leave()

    # -- inside

    def _over(self) -> None:
        self.noise.feed(bytes(self._before) + self.entrance.end())
        self.ended.set()
        self.writable.set()
        if self._answer is not None:
            self._answer.fail()

    def _greet(self, data: bytes) -> bytes:
        """Set apart what comes before the greeting, such as the talk of a login shell's start-up files."""
        self._before += data
        before, found, after = self._before.partition(self._greeting)
        if found:
            self._greeted = True
            self._before.clear()
            self.noise.feed(bytes(before))
            return bytes(after)
        surplus = bytes(self._before[: -len(self._greeting)])
        self.noise.feed(surplus)
        del self._before[: len(surplus)]
        return b""


async def open_session(
    become: Become | None, way: Callable[[], Way], limits: Limits, stop: asyncio.Event | None, deadline: float
) -> Session:
    """A session that is ready, or will be if nothing can come in between. Raises Refusal; `deadline` is monotonic."""
    sessions: list[Session] = []

    async def begin(spawner: Spawner) -> Channel:
        sessions.append(Session(become, limits.drain))
        return await sessions[-1].enter(spawner, limits.connect_timeout)

    channel, place = await way().start(begin, stop)
    session = sessions[-1]
    session.settle(channel, place)
    try:
        if session.entrance.must_wait:
            await _enter(session, channel, stop, deadline)
        session.write(prepare(session.program.token))
    except BaseException:
        session.end()
        raise
    return session


async def _enter(session: Session, channel: Channel, stop: asyncio.Event | None, deadline: float) -> None:
    """Get past sudo or su. Raises Refusal."""
    entering = asyncio.ensure_future(session.entrance.passed(channel, session.ended))
    done = asyncio.Event()
    entering.add_done_callback(lambda _: done.set())
    try:
        in_time = await first(done, stop, timeout=deadline - time.monotonic())
    finally:
        entering.cancel()
    if not done.is_set():
        if in_time:
            raise Refusal(Status.CANCELLED, "stopped on request before it was started")
        raise Refusal(Status.TIMEOUT, "never started: becoming another user did not end in time")
    with contextlib.suppress(OSError):
        if entering.result():
            return
    await first(session.ended, timeout=session.drain)
    if session.loss:
        raise Refusal(Status.UNREACHABLE, session.loss)
    raise Refusal(Status.FAILED, session.failure, session.noise.value)
