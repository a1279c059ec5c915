"""One command on many hosts: a sliding window over them, results as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Protocol

from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Command, Result, Status

log = logging.getLogger(__name__)


class Run(Protocol):
    """How a command gets to a host: `Pool.run`. Remote outcomes are returned, never raised."""

    async def __call__(self, host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:
        """The outcome of `command` on `host`; once `stop` is set, soon a CANCELLED one."""


class FanOut:
    """Runs a command on hosts, at most `window` at a time."""

    def __init__(self, run: Run, *, window: int = 256) -> None:
        self._run = run
        self._window = window

    async def stream(
        self,
        hosts: Iterable[Host],
        command: Command,
        *,
        stop: asyncio.Event | None = None,
        serial: int | None = None,
        max_fail: int | None = None,
    ) -> AsyncGenerator[Result]:
        """One Result for every host, in the order in which they finish; a host that hangs delays no other.

        `serial` is how many hosts may be at work at once. Once more than `max_fail` results are not OK, or `stop` is
        set, no further host is begun; those left over come last, as CANCELLED "not started". Those at work end by
        themselves (`stop` also reaches them through `run`). Closing the iterator cancels everything at once, so wrap it
        in `contextlib.aclosing`. Raises UsageError for a `serial` below 1 or a `max_fail` below 0.
        """
        if serial is not None and serial < 1:
            raise UsageError(f"--serial {serial} lets no host begin", remedy="Give 1 or more")
        if max_fail is not None and max_fail < 0:
            raise UsageError(f"--max-fail {max_fail} is below 0", remedy="Give 0 to stop at the first failure")
        line = _Line(hosts, stop, max_fail)
        width = min(self._window, serial or self._window)
        # Bounded, so that a slow reader holds the fleet back instead of filling memory with outputs.
        results: asyncio.Queue[Result | None] = asyncio.Queue(width)
        workers = [asyncio.create_task(self._work(line, command, stop, results)) for _ in range(min(width, len(line)))]
        try:
            finished = 0
            while finished < len(workers):
                result = await results.get()
                if result is None:
                    finished += 1
                else:
                    yield result
            for host in line.rest():
                yield Result(host.name, Status.CANCELLED, detail=f"not started: {line.closed}")
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(
        self, line: _Line, command: Command, stop: asyncio.Event | None, results: asyncio.Queue[Result | None]
    ) -> None:
        while (host := line.next()) is not None:
            result = await self._one(host, command, stop)
            line.saw(result)  # before the reader takes it: no further host may begin meanwhile
            await results.put(result)
        await results.put(None)

    async def _one(self, host: Host, command: Command, stop: asyncio.Event | None) -> Result:
        try:
            return await self._run(host, command, stop=stop)
        except OrchestratorError as error:  # misuse found before anything was sent, like an unreadable key file
            return Result(host.name, Status.UNREACHABLE, detail=str(error))
        except Exception as error:  # a fault of ours on one host must not lose what the others did
            log.exception("running on %s failed inside", host.name)
            return Result(
                host.name, Status.LOST, detail=f"internal error: {type(error).__name__}, see the log", may_be_alive=True
            )


class _Line:
    """The hosts still waiting, and why no more of them may begin."""

    def __init__(self, hosts: Iterable[Host], stop: asyncio.Event | None, max_fail: int | None) -> None:
        waiting = list(hosts)
        self._size = len(waiting)
        self._hosts: Iterator[Host] = iter(waiting)
        self._stop = stop
        self._max_fail = max_fail
        self._failures = 0
        self.closed = ""

    def __len__(self) -> int:
        return self._size

    def next(self) -> Host | None:
        if not self.closed and self._stop is not None and self._stop.is_set():
            self.closed = "stopped"
        return None if self.closed else next(self._hosts, None)

    def saw(self, result: Result) -> None:
        self._failures += result.status is not Status.OK
        if self._max_fail is not None and self._failures > self._max_fail and not self.closed:
            self.closed = f"{self._failures} failed, more than {self._max_fail}"

    def rest(self) -> Iterator[Host]:
        return self._hosts
