"""The followers: one a host, from its own log through its pooled connection into the store."""

from __future__ import annotations

import asyncio
import getpass
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.model import Host
from orchestrator.logins.framing import Trouble
from orchestrator.logins.reading import Batch, Ours, Reading
from orchestrator.ssh import Command, Flow, HostState, NoConnection, Phase
from orchestrator.store.logins import LoginLog
from orchestrator.tasks import begin

log = logging.getLogger(__name__)

AUTO = "auto"
"""hostctl chooses: the journal, else the first file of /var/log that it may read."""
SIGN_S = 30.0
"""Without a sign of life for so long the way is given up; hostctl gives one every 5 s."""
_BACKOFF_FIRST_S = 1.0
_BACKOFF_LAST_S = 60.0
_ENDINGS = 3
"""So often it may end soon after it began, before a person is asked to look."""
_SLICE = 100
"""Lines after which other hosts have a turn."""
_MOST_LINES = 500
"""Lines of one transaction, while which nobody else comes to the database."""


class Following(StrEnum):
    """Whether a host's log is followed."""

    YES = "following"
    AWAY = "away"
    CANNOT = "cannot"
    """A person must do something: the detail says what."""


@dataclass(frozen=True, slots=True)
class FollowState:
    """How the following of `host` stands, since when (aware), and why in one line.

    `source` is ``journal`` or the name of a file, empty before it is known. `lag` is how long (seconds) after it was
    written the newest event was put down, by both clocks; None before the first. `lines` counts what was read.
    """

    host: str
    state: Following
    since: datetime
    detail: str = ""
    source: str = ""
    lag: float | None = None
    lines: int = 0


class Ways(Protocol):
    """How hosts are reached: `Pool`."""

    def follow(self, host: Host, command: Command) -> AbstractAsyncContextManager[Flow]:
        """See Pool."""

    def subscribe(self, callback: Callable[[Host, HostState], None]) -> None:
        """See Pool."""


Ask = Callable[[str, str, str], Command]
"""HostCtl.follow: the command that follows a source from a position."""

Greet = Callable[[Host], Awaitable[None]]
"""Called over each new connection, before anything is read of the log that it left a line in."""


class Cannot(OrchestratorError):
    """The host itself says why it cannot follow."""


class Follower:
    """One host's, until it is cancelled."""

    def __init__(
        self, host: Host, ways: Ways, ask: Ask, logins: LoginLog, ours: Ours, *, first: str, greet: Greet | None = None
    ) -> None:
        self.host = host
        self.nudge = asyncio.Event()
        self.state = FollowState(host.name, Following.AWAY, datetime.now(UTC))
        self._ways = ways
        self._ask = ask
        self._logins = logins
        self._ours = ours
        self._first = first
        self._greet = greet

    async def run(self) -> None:
        """Follow, and begin again where it ended, later and later while that fails."""
        failures = 0
        while True:
            self.nudge.clear()
            begun = time.monotonic()
            try:
                await self._follow()
                if failures < _ENDINGS or time.monotonic() - begun > _BACKOFF_LAST_S:
                    self._show(Following.AWAY, "the host ended it")
                else:
                    self._show(
                        Following.CANNOT, f"reading {self.state.source or 'its log'} ends at once, again and again"
                    )
            except Cannot as error:
                self._show(Following.CANNOT, str(error))
            except NoConnection as error:
                self._show(Following.AWAY, error.detail)
            except OrchestratorError as error:
                self._show(Following.CANNOT, str(error))
            except Exception as error:  # a mistake of ours: what is shown must not stay as it was
                log.exception("following the log of %s", self.host.name)
                self._show(Following.CANNOT, f"internal error: {type(error).__name__}")
            failures = 0 if time.monotonic() - begun > _BACKOFF_LAST_S else failures + 1
            longest = min(_BACKOFF_LAST_S, _BACKOFF_FIRST_S * 2.0 ** min(failures - 1, 8)) if failures else 0.1
            try:
                async with asyncio.timeout(longest * random.uniform(0.5, 1.0)):  # noqa: S311  spreads load
                    await self.nudge.wait()
            except TimeoutError:
                pass

    async def _follow(self) -> None:
        """Once, from the cursor to the end of the way. Raises Cannot, NoConnection, StoreError, Unreadable."""
        if self._greet is not None:
            await self._greet(self.host)
        cursor = await self._logins.cursor(self.host.name)
        reading = Reading(self.host.name, self._ours, cursor)
        known, position = (cursor.source, cursor.position) if cursor else ("none", self._first)
        wanted = self.host.login_log or AUTO
        async with self._ways.follow(self.host, self._ask(wanted, known, position)) as flow:
            while data := await flow.read(SIGN_S):
                await self._digest(reading, data)

    async def _digest(self, reading: Reading, data: bytes) -> None:
        """Put down what `data` completes."""
        batch = reading.batch()
        for number, record in enumerate(reading.frames.feed(data), 1):
            if isinstance(record, Trouble):
                raise Cannot(record.text[:500])
            reading.take(record, batch)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            if batch.lines >= _MOST_LINES:
                await self._put(batch)
                batch = reading.batch()
        await self._put(batch)
        if reading.source and reading.has_begun:
            self._show(Following.YES)
            self.state = replace(self.state, source=reading.source)

    async def _put(self, batch: Batch) -> None:
        if not batch.moved:
            return
        await self._logins.put(self.host.name, batch.seen, batch.cursor, batch.gaps)
        lag = time.time() - batch.newest if batch.newest else self.state.lag
        self.state = replace(self.state, lag=lag, lines=self.state.lines + batch.lines)

    def _show(self, state: Following, detail: str = "") -> None:
        if (state, detail) == (self.state.state, self.state.detail):
            return
        if state is Following.CANNOT:
            log.warning("logins of %s are not followed: %s", self.host.name, detail)
        since = self.state.since if state is self.state.state else datetime.now(UTC)
        self.state = replace(self.state, state=state, since=since, detail=detail)


class Followers:
    """One follower for each host that is kept, while the context lasts; for one process a home.

    On first contact a log is read from `since` (seconds) ago on.
    """

    def __init__(
        self,
        ways: Ways,
        ask: Ask,
        logins: LoginLog,
        own_command: str,
        *,
        since: float = 0.0,
        greet: Greet | None = None,
    ) -> None:
        self._ways = ways
        self._ask = ask
        self._logins = logins
        self._own_command = own_command
        self._first = f"ago:{since:.0f}" if since else "now"
        self._greet = greet
        self._running: dict[Host, tuple[Follower, asyncio.Task[None]]] = {}
        self._stopped = False
        ways.subscribe(self._changed)

    def keep(self, hosts: Iterable[Host]) -> None:
        """From now on follow exactly `hosts`; none any more after `stop`."""
        if self._stopped:
            return
        wanted = set(hosts)
        for host in [host for host in self._running if host not in wanted]:
            self._running.pop(host)[1].cancel()
        for host in wanted.difference(self._running):
            ours = Ours(host.user or getpass.getuser(), self._own_command)
            follower = Follower(host, self._ways, self._ask, self._logins, ours, first=self._first, greet=self._greet)
            self._running[host] = (follower, begin(follower.run(), f"follow the log of {host.name}"))

    async def stop(self) -> None:
        """End all of them, for good."""
        self._stopped = True
        tasks = [task for _, task in self._running.values()]
        self._running.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def states(self) -> Mapping[str, FollowState]:
        """How it stands with each host, by name."""
        return {host.name: follower.state for host, (follower, _) in self._running.items()}

    def _changed(self, host: Host, state: HostState) -> None:
        if state.phase is Phase.UP and host in self._running:
            self._running[host][0].nudge.set()
