"""A TCP connection to a port as a host itself sees it, inside its SSH connection (direct-tcpip, RFC 4254 7.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Protocol

import asyncssh

from orchestrator.ssh.failure import PortClosed, one_line, port_closed

# What a host may send us ahead of being read: it bounds our memory, and is plenty for one round trip.
_WINDOW = 1 << 18

_Channel = tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]


class _Reader(Protocol):
    async def read(self, n: int) -> bytes: ...


class _Writer(Protocol):
    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


class Stream:
    """Bytes to a port and back. Both ways raise ConnectionError when the connection broke."""

    def __init__(self, reader: _Reader, writer: _Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, limit: int) -> bytes:
        """What has arrived, at most `limit` bytes; waits for the first of them. Empty at the end of the stream."""
        try:
            return await self._reader.read(limit)
        except (asyncssh.Error, OSError) as error:
            raise ConnectionResetError(one_line(str(error)) or "connection reset") from error

    async def write(self, data: bytes) -> None:
        """Send `data`; returns when there is room for more."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (asyncssh.Error, OSError) as error:
            raise ConnectionResetError(one_line(str(error)) or "connection reset") from error


class Streams:
    """The places for streams on one connection: of their own, so that they and commands never wait for each other."""

    def __init__(self, connection: asyncssh.SSHClientConnection, places: int, patience: float) -> None:
        self._connection = connection
        self._gate = asyncio.Semaphore(places)
        self._patience = patience

    @contextlib.asynccontextmanager
    async def open(self, address: str, port: int) -> AsyncIterator[Stream]:
        """A stream to `address`:`port` on the far side, gone at the end of the block.

        Raises PortClosed, also when there is no place or no answer within the patience (seconds, for each).
        """
        where = f"{address}:{port}"
        try:
            async with asyncio.timeout(self._patience):
                await self._gate.acquire()
        except TimeoutError:
            raise PortClosed(where, "earlier connections to ports of this host still hang") from None
        opening: asyncio.Future[_Channel] = asyncio.ensure_future(
            self._connection.open_connection(address, port, encoding=None, window=_WINDOW)
        )
        try:
            done, _ = await asyncio.wait([opening], timeout=self._patience)
            if not done:
                raise PortClosed(where, f"no answer within {self._patience:g} s")
            try:
                reader, writer = opening.result()
            except (asyncssh.Error, OSError) as error:
                raise port_closed(where, error) from error
            yield Stream(reader, writer)
        finally:
            opening.add_done_callback(self._leave)

    def _leave(self, opening: asyncio.Future[_Channel]) -> None:
        """Give the place back, but not before the host answered: a request for a channel cannot be taken back."""
        self._gate.release()
        if not opening.cancelled() and opening.exception() is None:
            opening.result()[1].channel.abort()


@contextlib.asynccontextmanager
async def stream_here(address: str, port: int, patience: float) -> AsyncIterator[Stream]:
    """A stream to a port of this machine; see Streams.open."""
    where = f"{address}:{port}"
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(address, port, limit=_WINDOW)
    except TimeoutError:
        raise PortClosed(where, f"no answer within {patience:g} s") from None
    except OSError as error:
        raise port_closed(where, error) from error
    try:
        yield Stream(reader, writer)
    finally:
        transport: Any = writer.transport
        transport.abort()
