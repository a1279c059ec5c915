"""The one way to hosts: a connection each, opened when needed, shared by everything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh.authority import Authority
from orchestrator.ssh.connection import Connection
from orchestrator.ssh.dial import Dialer, OnDial
from orchestrator.ssh.exchange import OnOutput
from orchestrator.ssh.failure import NoConnection, PortClosed
from orchestrator.ssh.flow import Flow, flowing
from orchestrator.ssh.keys import Keys
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.link import Link
from orchestrator.ssh.local import Here, WayHere, run_here
from orchestrator.ssh.method import Method, Passwords
from orchestrator.ssh.remote import unfit
from orchestrator.ssh.result import Command, Result, Status
from orchestrator.ssh.shell import Shell
from orchestrator.ssh.state import HostState, Phase
from orchestrator.ssh.stream import Stream, stream_here
from orchestrator.ssh.trust import HostKey, Trust

_log = logging.getLogger(__name__)

OnState = Callable[[Host, HostState], None]


class Pool:
    """Runs commands on hosts over shared connections.

    An async context manager; leaving it closes all connections side by side, within `limits.close_timeout` seconds.

    An `authority` of our own gives each login a certificate, tried before the plain keys. Logins are by key alone
    unless `passwords` gives the password of a host, a jump host's too: it is tried after the keys, once, and a host
    that refuses it is parked like any other refused login. `on_dial` is waited for with each connection, before its
    login; it must not fail.

    >>> async with Pool(trust=Trust(home / "keys/known_hosts"), keys=Keys(home / "keys")) as pool:  # doctest: +SKIP
    ...     result = await pool.run(host, Command("uptime"))
    """

    def __init__(
        self,
        *,
        trust: Trust,
        keys: Keys,
        limits: Limits | None = None,
        authority: Authority | None = None,
        passwords: Passwords | None = None,
        on_dial: OnDial | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._trust = trust
        self._keys = keys
        self._on_dial = on_dial
        self._dialer = Dialer(trust, keys, self._limits, authority, passwords, on_dial=on_dial)
        self._connections: dict[Host, Connection] = {}
        self._callbacks: list[OnState] = []
        self._here = HostState.now(Phase.UP)
        self._down = HostState.now(Phase.DOWN)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def run(
        self,
        host: Host,
        command: Command,
        *,
        stop: asyncio.Event | None = None,
        on_output: OnOutput | None = None,
    ) -> Result:
        """Run `command` on `host` to its end, its deadline, or until `stop` is set.

        Whatever happens to the host or on the way is a Result; exceptions are for misuse: UsageError for a script
        with NUL bytes or a timeout that is no positive number, and what `on_output` raised, after the command was
        stopped. `on_output` gets each piece of output at once: ``"stdout"`` or ``"stderr"`` and the bytes, all of
        them, whatever `command.limit` says. Cancelling the task stops the remote process first, within
        `limits.kill_timeout` seconds.

        Connecting is bounded by `limits.connect_timeout` an attempt, the command by its own timeout, which starts
        when it is sent.
        """
        problem = unfit(host, command)
        if problem is not None:
            return Result(host.name, Status.FAILED, detail=problem)
        if host.local:
            return await run_here(host, command, self._limits, stop, on_output)
        return await self._connection(host).run(command, stop, on_output)

    def shell(self, host: Host, become: Become | None = None) -> Shell:
        """A prepared shell on `host` as `become`, the login user if None. Nothing happens before its first call.

        It holds one of the connection's places from then on; while no call runs it may lose that to others, and its
        next call starts the host's shell anew.
        """
        here = WayHere()
        return Shell(host, become, lambda: here if host.local else self._connection(host), self._limits)

    @contextlib.asynccontextmanager
    async def open_tcp(self, host: Host, address: str, port: int) -> AsyncIterator[Stream]:
        """A TCP connection to `address`:`port` as `host` sees them, gone at the end of the block.

        It goes through the host's SSH connection, where it has a place beside those of commands. A host that is kept
        (see `keep`) and known to be away is not waited for: NoConnection comes at once, with the reason. Raises
        PortClosed when the host is there but the port is not. Each step is bounded by `limits.connect_timeout`;
        reading and writing are for the caller to bound.

        >>> async with pool.open_tcp(host, "127.0.0.1", 9100) as stream:  # doctest: +SKIP
        ...     await stream.write(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
        """
        async with contextlib.AsyncExitStack() as stack:
            if host.local:
                yield await stack.enter_async_context(stream_here(address, port, self._limits.connect_timeout))
                return
            link = await self._connection(host).ready()
            try:
                stream = await stack.enter_async_context(link.stream(address, port))
            except PortClosed as error:
                if not link.gone:
                    raise
                raise NoConnection(host.name, Status.UNREACHABLE, f"the connection was lost: {link.loss}") from error
            yield stream

    @contextlib.asynccontextmanager
    async def follow(self, host: Host, command: Command) -> AsyncIterator[Flow]:
        """`command` on `host`, which goes on until it or the block ends; what it prints is read at the reader's pace.

        It has a session of its own beside the places of commands, and holds the connection open. At most some 2 MiB
        are ahead of the reader. The command must end by itself when nobody reads its outputs any more: it is hung up
        on, and ended only where it runs on this machine. Like `open_tcp` it does not wait for a host that is known to
        be away. Raises NoConnection.
        """
        problem = unfit(host, command)
        if problem is not None:
            raise NoConnection(host.name, Status.FAILED, problem)
        if host.local:
            async with flowing(host, command, Here(), self._limits, sweep=True) as flow:
                yield flow
            return
        link = await self._connection(host).ready()
        link.join()
        try:
            async with flowing(host, command, link, self._limits, sweep=False) as flow:
                yield flow
        finally:
            link.leave()

    async def login(self, host: Host, key: Path) -> Method:
        """Log in to `host` with the private key in `key` and nothing else, on a connection of its own, and hang up.

        The way to prove that a key is accepted, if the Method returned is that key and not ``none``, or that it is not
        known there: then NoConnection says `key_refused`; without that it proves nothing. Raises KeyFileError when the
        key cannot be used.
        """
        dialer = Dialer(self._trust, await self._keys.alone(key), self._limits, on_dial=self._on_dial)
        tunnel = await self._tunnel(host)
        try:
            link = await dialer.dial(host, tunnel, lambda: None)
        finally:
            if tunnel is not None:
                tunnel.leave()
        try:
            async with asyncio.timeout(self._limits.close_timeout):
                await link.close()
        except TimeoutError:
            link.abort()
        return link.method

    async def scan(self, host: Host) -> HostKey:
        """The host key that `host` shows now, reached the way commands reach it. Raises NoConnection."""
        tunnel = await self._tunnel(host)
        try:
            return await self._dialer.scan(host, tunnel)
        finally:
            if tunnel is not None:
                tunnel.leave()

    def state(self, host: Host) -> HostState:
        """How the connection to `host` stands."""
        if host.local:
            return self._here
        connection = self._connections.get(host)
        return connection.state if connection else self._down

    def method(self, host: Host) -> Method | None:
        """How `host` let us in; None while there is no connection for new work."""
        connection = self._connections.get(host)
        return connection.method if connection else None

    def keep(self, hosts: Iterable[Host]) -> None:
        """From now on keep exactly `hosts` connected in the background; others are closed when their work is done."""
        wanted = {host for host in hosts if not host.local}
        for host in wanted:
            self._connection(host).keep(True)
        needed = wanted | {jump for host in wanted for jump in _jumps(host)}
        for host in [host for host in self._connections if host not in wanted]:
            if host in needed:
                self._connections[host].keep(False)
            else:
                self._connections.pop(host).retire()

    async def retry(self, host: Host) -> None:
        """A person acted on whatever parked `host`: try again, now, and ask for passphrases again."""
        self._keys.ask_again()
        for one in (*_jumps(host), host):
            if one in self._connections:
                self._connections[one].retry()

    def subscribe(self, callback: OnState) -> None:
        """Call `callback` at every change of a host's state, in the event loop."""
        self._callbacks.append(callback)

    async def close(self) -> None:
        """Close all connections side by side."""
        connections = list(self._connections.values())
        self._connections.clear()
        await asyncio.gather(*(connection.close() for connection in connections))
        await self._keys.close()

    def _connection(self, host: Host) -> Connection:
        connection = self._connections.get(host)
        if connection is None:
            connection = Connection(host, self._dial, self._trust.lookup, self._limits, self._changed)
            self._connections[host] = connection
        return connection

    async def _dial(self, host: Host, on_spent: Callable[[], None]) -> Link:
        tunnel = await self._tunnel(host)
        try:
            return await self._dialer.dial(host, tunnel, on_spent)
        finally:
            if tunnel is not None:
                tunnel.leave()

    async def _tunnel(self, host: Host) -> Link | None:
        """The shared link to the jump host of `host`, held open for us until `leave`."""
        if host.jump is None:
            return None
        try:
            tunnel = await self._connection(host.jump).open()
        except NoConnection as error:
            detail = f"jump host {host.jump.name}: {error.detail}"
            raise NoConnection(host.name, Status.UNREACHABLE, detail) from error
        tunnel.join()
        return tunnel

    def _changed(self, host: Host, state: HostState) -> None:
        for callback in self._callbacks:
            try:
                callback(host, state)
            except Exception:  # noqa: BLE001  whoever watches must not break the connection that is watched
                _log.exception("a watcher of host states failed")


def _jumps(host: Host) -> Iterable[Host]:
    """The jump hosts on the way to `host`."""
    while host.jump is not None:
        host = host.jump
        yield host
