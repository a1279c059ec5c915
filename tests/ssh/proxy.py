"""A TCP proxy on loopback that can go silent, to make half-open links without root."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """Forwards connections to a server, until it swallows every byte, both ways, without telling anybody."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted = 0
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def swallow(self) -> None:
        """From now on nothing passes; connections stay open and new ones are accepted."""
        self._open.clear()

    async def handle(self, target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its start to its end."""
        self.accepted += 1
        far_reader, far_writer = await asyncio.open_connection(*target)
        pumps = [self._spawn(self._pump(reader, far_writer)), self._spawn(self._pump(far_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            far_writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                await self._open.wait()
                sink.write(data)
                await sink.drain()

    def _spawn(self, pump: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(pump)
        self._tasks.add(task)
        return task

    async def close(self) -> None:
        """End all pumps."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def serving(address: str, handle: Handle) -> AsyncIterator[int]:
    """The port of a server whose connections are each `handle`d, and have all gone when the block ends."""
    handlers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers[writer] = asyncio.ensure_future(_handled(handle, reader, writer))

    server = await asyncio.start_server(accept, address, 0)
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield port
    finally:
        server.close()
        await asyncio.sleep(0)  # one that was being accepted
        for writer, handler in handlers.items():
            handler.cancel()
            writer.transport.abort()  # a handler that was cancelled before it began does not
        await asyncio.gather(*handlers.values(), return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # an aborted connection is closed in the next turn of the loop


async def _handled(handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await handle(reader, writer)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def proxy(address: str, target: tuple[str, int]) -> AsyncIterator[Proxy]:
    """A proxy at `address`, on a port of its own, for the server at `target`."""
    made = Proxy()
    async with serving(address, partial(made.handle, target)) as made.port:
        try:
            yield made
        finally:
            await made.close()


@contextlib.asynccontextmanager
async def tarpit(address: str, drip: bytes, every: float) -> AsyncIterator[int]:
    """The port of a server that only ever sends `drip`, once in `every` seconds; with no bytes it stays silent."""

    async def bore(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(every)

    async with serving(address, bore) as port:
        yield port
