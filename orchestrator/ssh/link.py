"""One SSH connection: its sessions, how many at once, and when it should no longer be used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import asyncssh

from orchestrator.ssh.exchange import Channel, NotStarted, Receiver
from orchestrator.ssh.execution import exit_code_of, first
from orchestrator.ssh.failure import one_line
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.method import Method
from orchestrator.ssh.stream import Stream, Streams


class _Session(asyncssh.SSHClientSession[bytes]):
    """Passes what asyncssh says of one session on to its Receiver."""

    def __init__(self, exchange: Receiver) -> None:
        self._exchange = exchange
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._exchange.received("stderr" if datatype == asyncssh.EXTENDED_DATA_STDERR else "stdout", data)

    def exit_status_received(self, status: int) -> None:
        self._exchange.exited(status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        self._exchange.exited(exit_code_of(signal), signal)

    def pause_writing(self) -> None:
        self._exchange.pause(True)

    def resume_writing(self) -> None:
        self._exchange.pause(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._exchange.closed(_loss(str(exc)) if exc else "")


class Link:
    """An authenticated connection to a host, shared by up to `limits.channels` commands, `limits.streams`
    connections to ports, and any number of tunnels.

    `connection` is asyncssh's own, for tunnels through this host; `method` is how we were let in. `busy` counts the
    commands on it. `spent` is set once it takes nothing new: when it was *retired*, to close after its last user, or
    when it is `gone`, for the reason `loss`. `on_spent` is called at either.
    """

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        limits: Limits,
        tunnel: Link | None,
        on_spent: Callable[[], None],
        method: Method,
    ) -> None:
        self.connection = connection
        self.method = method
        self.spent = asyncio.Event()
        self.gone = False
        self.loss = ""
        self._tunnel = tunnel
        self._on_spent = on_spent
        self._gate = asyncio.Semaphore(limits.channels)
        self._streams = Streams(connection, limits.streams, limits.connect_timeout)
        self.busy = 0
        self._users = 0
        self._waiting = 0
        self._resting: dict[Callable[[], None], None] = {}  # in the order in which they came to rest
        if tunnel is not None:
            tunnel.join()

    # -- life

    def detach(self, error: Exception | None) -> None:
        """The connection ended, for the reason `error` if any."""
        if self.gone:
            return
        self.gone = True
        self.loss = one_line(str(error)) if error else "connection closed"
        if self._tunnel is not None:
            self._tunnel.leave()
        self.spent.set()
        self._on_spent()

    @property
    def usable(self) -> bool:
        """True while new commands may be started here."""
        return not self.spent.is_set()

    def retire(self) -> None:
        """Take nothing new; close as soon as nobody is left."""
        if self.spent.is_set():
            return
        self.spent.set()
        self._disturb(len(self._resting))
        self._close_if_idle()
        self._on_spent()

    async def close(self) -> None:
        """Close for good, whoever is on it; the caller bounds the wait."""
        self.spent.set()
        self.connection.close()
        await self.connection.wait_closed()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self.connection.abort()

    # -- users

    def join(self) -> None:
        """One more user: the connection stays open until `leave`."""
        self._users += 1

    def leave(self) -> None:
        """One user less."""
        self._users -= 1
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self.spent.is_set() and self._users == 0:
            self.connection.close()

    async def enter(self, stop: asyncio.Event | None, patience: float) -> bool:
        """Take the place of one command. False when `stop` was set or the link is spent.

        A link that has no place for `patience` seconds is full of long-running work: it is retired, so that newcomers
        get a connection of their own.
        """
        taking = asyncio.ensure_future(self._gate.acquire())
        taken = asyncio.Event()
        taking.add_done_callback(lambda _: taken.set())
        entered = False
        self._waiting += 1
        try:
            if self._gate.locked():
                self._disturb(1)
            if not await first(taken, self.spent, stop, timeout=patience):
                self.retire()
            entered = taking.done() and not self.spent.is_set()
        finally:
            self._waiting -= 1
            if entered:
                self.busy += 1
                self.join()
            elif taking.done():
                self._gate.release()
            else:
                taking.cancel()
        return entered

    def exit(self, *, crowded: bool = False) -> bool:
        """Give the place back; with `crowded` (the server has fewer sessions than we have places) it is taken out.

        True if others hold places, so that waiting for one makes sense.
        """
        self.busy -= 1
        if not (crowded and self.busy):
            self._gate.release()
        self.leave()
        return self.busy > 0

    def rest(self, leave: Callable[[], None]) -> None:
        """See Place."""
        if self._waiting or self.spent.is_set():
            leave()
        else:
            self._resting[leave] = None

    def wake(self, leave: Callable[[], None]) -> None:
        """See Place."""
        self._resting.pop(leave, None)

    def _disturb(self, count: int) -> None:
        """Ask `count` of those at rest to leave, the longest at rest first."""
        for leave in list(self._resting)[:count]:
            self.wake(leave)
            leave()

    @contextlib.asynccontextmanager
    async def stream(self, address: str, port: int) -> AsyncIterator[Stream]:
        """A stream to a port on the far side; see Streams.open. The connection stays open for it."""
        self.join()
        try:
            async with self._streams.open(address, port) as stream:
                yield stream
        finally:
            self.leave()

    # -- Spawner

    async def spawn(self, line: str, exchange: Receiver) -> Channel:
        """Start `line` (see Spawner). Once the request is out, a broken connection is the exchange's news."""
        session = _Session(exchange)

        def opened() -> _Session:
            exchange.requested = True
            return session

        try:
            await self.connection.create_session(
                opened, line, encoding=None, request_pty=False, env=None, send_env=None, x11_forwarding=False
            )
        except (asyncssh.Error, OSError) as error:
            lost = self.gone or self.connection.is_closed()
            if exchange.requested and lost:
                exchange.closed(_loss(self.loss))
            elif exchange.requested:
                raise NotStarted("the server refuses to run commands for this account", again=False) from error
            else:
                raise NotStarted(f"no new session: {one_line(str(error))}", again=True, crowded=not lost) from error
        assert session.channel is not None
        return cast(Channel, session.channel)

    def spoil(self) -> None:
        """See Spawner."""
        self.retire()


class Reserve:
    """Starts the programs that stop other commands, on sessions beyond the link's places.

    When the server allows fewer sessions than we thought, or the link broke, `reopen` gives another link to the host.
    """

    def __init__(self, link: Link, reopen: Callable[[], Awaitable[Link]]) -> None:
        self._link = link
        self._reopen = reopen

    async def spawn(self, line: str, exchange: Receiver) -> Channel:
        """See Spawner; raises NoConnection, too."""
        try:
            return await self._link.spawn(line, exchange)
        except NotStarted:
            self._link.retire()
            other = await self._reopen()
            return await other.spawn(line, exchange)

    def spoil(self) -> None:
        """See Spawner."""
        self._link.retire()


def _loss(reason: str) -> str:
    return f"the connection was lost: {one_line(reason)}"
