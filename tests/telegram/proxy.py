"""A TCP proxy on loopback that plays the network between us and Telegram: away, silent, or losing answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self


class Proxy:
    """Forwards connections to ``127.0.0.1:target``.

    `port` stays the same while it is `down` and after; `connections` counts those it accepted.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._silent = False
        self._losing: list[bytes] = []
        self.port = 0
        self.connections = 0

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    async def up(self) -> None:
        """Accept connections."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and break those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def silence(self) -> None:
        """A black hole: connections open, and nothing gets through."""
        self._silent = True

    async def speak(self) -> None:
        """End of the black hole. What was swallowed stays lost, with its connections."""
        self._silent = False
        await self._cut()

    def lose_answer(self, method: str, times: int = 1) -> None:
        """Let the next calls of `method` reach Telegram, and swallow the answers."""
        self._losing += [f"/{method} ".encode()] * times

    async def _cut(self) -> None:
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # broken on purpose, or by either side
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        link = _Link()
        try:
            async with asyncio.TaskGroup() as group:
                there = group.create_task(self._pump(reader, far_writer, link, requests=True))
                back = group.create_task(self._pump(far_reader, writer, link, requests=False))
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
        finally:
            far_writer.close()
            with suppress(OSError):
                await far_writer.wait_closed()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link, *, requests: bool
    ) -> None:
        while data := await reader.read(65536):
            if self._silent:
                link.dead = True
            if requests:
                for method in {method for method in self._losing if method in data}:
                    self._losing.remove(method)
                    link.mute = True
            if link.dead or (link.mute and not requests):
                continue
            writer.write(data)
            await writer.drain()


class _Link:
    dead = False
    mute = False
