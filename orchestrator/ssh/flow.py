"""The output of a command that goes on for as long as we read it, at the pace at which we read."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol, cast

from orchestrator.inventory.model import Host
from orchestrator.ssh.exchange import Channel, Exchange, NotStarted, Spawner
from orchestrator.ssh.execution import first, never_started, swept
from orchestrator.ssh.failure import NoConnection
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.remote import Program, become_of, program
from orchestrator.ssh.result import Command, Status

# Kept ahead of the reader; beyond it the host is held back, which has at most another window of SSH on its way.
_AHEAD = 1 << 18
_SAID = 1 << 12


class _Held(Protocol):
    """A Channel whose reading can be held back; those of asyncssh and of this machine can."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Flow:
    """Standard output, piece by piece. What comes on standard error only shows that the host is there."""

    def __init__(self, host: Host, wrapped: Program, drain: float) -> None:
        self.exchange = Exchange(wrapped, _SAID, self._take)
        self._host = host
        self._become = wrapped.become
        self._drain = drain
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._heard = asyncio.Event()
        self._channel: Channel | None = None
        self._held = False

    async def read(self, patience: float) -> bytes:
        """All that has arrived since the last call; waits for the first of it. Empty at the end.

        Raises NoConnection when the way broke or nothing, not even a sign of life, came for `patience` seconds.
        """
        while not self._pieces:
            if self.exchange.ended.is_set():
                await first(self.exchange.finished, timeout=self._drain)  # what was printed may come after the status
                if not self._pieces:
                    return self._at_the_end()
                break
            self._heard.clear()
            if not await first(self._heard, self.exchange.ended, timeout=patience):
                raise NoConnection(self._host.name, Status.LOST, f"no sign of it for {patience:g} s")
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._held and self._channel is not None:
            self._held = False
            cast(_Held, self._channel).resume_reading()
        return data

    def settle(self, channel: Channel) -> None:
        """It is started."""
        self._channel = channel
        self._hold_back()

    def _at_the_end(self) -> bytes:
        exchange = self.exchange
        if exchange.loss or not exchange.has_status:
            raise NoConnection(self._host.name, Status.LOST, exchange.loss or "the session was closed")
        if not exchange.entrance.announced.is_set():
            detail = never_started(exchange.entrance, self._become, exchange.exit_code, exchange.stderr.value)
            raise NoConnection(self._host.name, Status.FAILED, detail)
        return b""

    def _take(self, stream: str, data: bytes) -> None:
        self._heard.set()
        if stream == "stdout":
            self._pieces.append(data)
            self._size += len(data)
            self._hold_back()

    def _hold_back(self) -> None:
        if self._size >= _AHEAD and not self._held and self._channel is not None:
            self._held = True
            cast(_Held, self._channel).pause_reading()


@contextlib.asynccontextmanager
async def flowing(
    host: Host, command: Command, spawner: Spawner, limits: Limits, *, sweep: bool
) -> AsyncIterator[Flow]:
    """`command` as it goes on; see Pool.follow. With `sweep` its processes are ended at the end, else hung up on."""
    wrapped = program(become_of(host, command), command)
    flow = Flow(host, wrapped, limits.drain)
    try:
        async with asyncio.timeout(limits.connect_timeout):
            channel = await spawner.spawn(wrapped.line, flow.exchange)
    except TimeoutError:
        spawner.spoil()
        detail = f"no answer to a new session within {limits.connect_timeout:g} s"
        raise NoConnection(host.name, Status.UNREACHABLE, detail) from None
    except NotStarted as error:
        raise NoConnection(host.name, Status.UNREACHABLE, error.detail) from error
    flow.settle(channel)
    feeding = asyncio.ensure_future(flow.exchange.feed(channel))
    try:
        yield flow
    finally:
        feeding.cancel()
        flow.exchange.mute()
        group = flow.exchange.entrance.group
        try:
            if sweep and group is not None and not flow.exchange.has_status:
                with contextlib.suppress(TimeoutError, NotStarted, NoConnection):
                    async with asyncio.timeout(limits.kill_timeout):
                        await swept(spawner, wrapped.become, group, wrapped.token, limits)
        finally:
            channel.close()
