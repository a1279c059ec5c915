"""One host: at most one connection for new work, opened when needed, and a state to show."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh.exchange import NotStarted, OnOutput, Spawner
from orchestrator.ssh.execution import Execution, first
from orchestrator.ssh.failure import NoConnection
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.link import Link, Reserve
from orchestrator.ssh.method import Method
from orchestrator.ssh.place import Place, Refusal
from orchestrator.ssh.result import Command, Result, Status
from orchestrator.ssh.state import HostState, Phase

T = TypeVar("T")
Dial = Callable[[Host, Callable[[], None]], Awaitable[Link]]


# sshd frees a session a moment after it told us of its end: seconds to wait when it refuses one to its only user.
_SETTLE = (0.05, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place on `link` (see Place)."""

    link: Link
    reserve: Spawner

    def leave(self) -> None:
        """See Place."""
        self.link.exit()

    def rest(self, leave: Callable[[], None]) -> None:
        """See Place."""
        self.link.rest(leave)

    def wake(self, leave: Callable[[], None]) -> None:
        """See Place."""
        self.link.wake(leave)

    def spoil(self) -> None:
        """See Place."""
        self.link.retire()


class Connection:
    """The way to one host.

    `dial` opens a link or raises NoConnection; `pins` tells what is trusted for the host, so that a parked host is
    tried again as soon as somebody changed that. Links that were retired while in use finish on their own.
    """

    def __init__(
        self,
        host: Host,
        dial: Dial,
        pins: Callable[[Host], object],
        limits: Limits,
        on_state: Callable[[Host, HostState], None],
    ) -> None:
        self._host = host
        self._dial = dial
        self._pins = pins
        self._limits = limits
        self._on_state = on_state
        self._links: set[Link] = set()
        self._link: Link | None = None
        self._opening: asyncio.Task[Link] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._parked: tuple[NoConnection, object] | None = None
        self._nudge = asyncio.Event()
        self._until: datetime | None = None
        self.state = HostState.now(Phase.DOWN)

    @property
    def method(self) -> Method | None:
        """How the host let us in; None without a link for new work."""
        return self._link.method if self._link is not None else None

    # -- running

    async def run(self, command: Command, stop: asyncio.Event | None, on_output: OnOutput | None) -> Result:
        """Run `command`; see Pool.run."""
        started_at, begun = datetime.now(UTC), time.monotonic()

        async def execute(link: Link) -> Result:
            return await Execution(self._host, command, link, Reserve(link, self.open), self._limits).run(
                stop, on_output
            )

        try:
            result, link = await self._placed(execute, stop)
        except Refusal as refusal:
            duration = time.monotonic() - begun
            status, detail = refusal.status, refusal.detail
            return Result(self._host.name, status, started_at=started_at, duration=duration, detail=detail)
        link.exit()
        return result

    async def start(self, begin: Callable[[Spawner], Awaitable[T]], stop: asyncio.Event | None) -> tuple[T, Place]:
        """See Way."""
        begun, link = await self._placed(begin, stop)
        return begun, _Place(link, Reserve(link, self.open))

    async def _placed(self, work: Callable[[Link], Awaitable[T]], stop: asyncio.Event | None) -> tuple[T, Link]:
        """What `work` gave on a link, in a place that the caller gives back. Raises Refusal, and what `work` raised.

        When `work` says NotStarted it is tried again, once on a fresh connection or when others made room.
        """
        retried = False
        while stop is None or not stop.is_set():
            try:
                link = await unless(stop, self.open())
            except NoConnection as error:
                raise Refusal(error.status, error.detail) from error
            if link is None:
                break
            if not await link.enter(stop, self._limits.connect_timeout):
                if link.gone and retried:
                    raise Refusal(Status.UNREACHABLE, f"the server ends every connection: {link.loss}")
                retried |= link.gone
                continue
            refusal: NotStarted | None = None
            company = done = False
            try:
                result = await self._settled(work, link)
                done = True
                return result, link
            except NotStarted as error:
                refusal = error
            finally:
                if not done:
                    company = link.exit(crowded=refusal is not None and refusal.crowded)
            if refusal.crowded and company:
                continue  # the server allows fewer sessions than we assumed: wait for the others
            link.retire()
            if retried or not refusal.again:
                raise Refusal(Status.UNREACHABLE, refusal.detail)
            retried = True
        raise Refusal(Status.CANCELLED, "stopped on request before it was started")

    async def _settled(self, work: Callable[[Link], Awaitable[T]], link: Link) -> T:
        for pause in _SETTLE:
            try:
                return await work(link)
            except NotStarted as refusal:
                if not refusal.crowded or link.busy > 1:
                    raise
            await asyncio.sleep(pause)
        return await work(link)

    # -- opening and closing

    async def open(self) -> Link:
        """The current link or a new one; all who ask meanwhile wait for the same attempt. Raises NoConnection."""
        if self._link is not None and self._link.usable:
            return self._link
        if self._opening is None:
            self._raise_if_parked()
            self._opening = asyncio.create_task(self._open(), name=f"connect {self._host.name}")
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    async def ready(self) -> Link:
        """As `open`, but a host that is kept and known to be away is not waited for. Raises NoConnection."""
        up = self._link is not None and self._link.usable
        if self._keeper is not None and not up and self.state.reason:
            self._raise_if_parked()
            raise NoConnection(self._host.name, Status.UNREACHABLE, self.state.reason)
        return await self.open()

    async def _open(self) -> Link:
        self._show(Phase.CONNECTING)
        try:
            link = await self._dial(self._host, self._changed)
        except NoConnection as error:
            if error.parked:
                self._parked = (error, self._pins_now())
                self._show(Phase.PARKED, error.detail)
            else:
                self._show_down(error.detail)
            raise
        except BaseException:
            self._show_down("")
            raise
        self._link = link
        self._links.add(link)
        self._show(Phase.UP)
        self._nudge.set()
        self._changed()  # it may have broken in the meantime
        return link

    def _opened(self, opening: asyncio.Task[Link]) -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()  # asked for here, as everybody who waited may have been cancelled

    def _changed(self) -> None:
        """Some link was retired or lost."""
        self._links = {link for link in self._links if not link.gone}
        link = self._link
        if link is not None and not link.usable:
            self._link = None
            self._show_down(link.loss)

    async def close(self) -> None:
        """Close everything; within `limits.close_timeout` seconds."""
        tasks = [task for task in (self._keeper, self._opening) if task is not None]
        self._keeper = None
        for task in tasks:
            task.cancel()
        links = list(self._links)
        closing = [asyncio.ensure_future(link.close()) for link in links]
        if tasks or closing:
            _, late = await asyncio.wait([*tasks, *closing], timeout=self._limits.close_timeout)
            for task in late:
                task.cancel()
        for link in links:
            link.abort()

    def renew(self) -> None:
        """See Way; what runs may finish on the old connection."""
        self.retry()
        for link in list(self._links):
            link.retire()

    def retire(self) -> None:
        """The host left the fleet: no more reconnects; running commands may finish."""
        self.keep(False)
        for link in list(self._links):
            link.retire()

    # -- keeping

    def keep(self, wanted: bool) -> None:
        """Keep the connection up in the background, or no longer."""
        if wanted and self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"keep {self._host.name}")
        elif not wanted and self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
            self._until = None

    def retry(self) -> None:
        """A person acted: forget why the host was parked and wait no longer."""
        self._parked = None
        if self.state.phase is Phase.PARKED:
            self._show(Phase.DOWN)
        self._nudge.set()

    async def _keep(self) -> None:
        failures = 0
        while True:
            self._nudge.clear()
            try:
                link = await self.open()
            except NoConnection as error:
                failures += 1
                if error.parked:
                    await first(self._nudge, timeout=self._limits.backoff_last)
                else:
                    await self._back_off(failures, error.detail)
                continue
            up_since = time.monotonic()
            await link.spent.wait()
            failures = 1 if time.monotonic() - up_since > self._limits.backoff_last else failures + 1
            await self._back_off(failures, link.loss)

    async def _back_off(self, failures: int, reason: str) -> None:
        """Wait a random half to all of 1, 2, 4 ... seconds: hosts that fell together must not rise together."""
        limits = self._limits
        longest = min(limits.backoff_last, limits.backoff_first * 2.0 ** min(failures - 1, 16))
        delay = longest * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, hides nothing
        self._nudge.clear()
        self._until = datetime.now(UTC) + timedelta(seconds=delay)
        if self._link is None:
            self._show_down(reason)
            await first(self._nudge, timeout=delay)
        self._until = None

    # -- state

    def _show(self, phase: Phase, reason: str = "", until: datetime | None = None) -> None:
        # A host that is tried again and again has been away since it went, not since the last try.
        away = phase is not Phase.UP and self.state.phase is not Phase.UP
        since = self.state.since if away else datetime.now(UTC)
        if phase is Phase.CONNECTING:
            reason = self.state.reason
        self.state = HostState(phase, since, reason, until)
        self._on_state(self._host, self.state)

    def _show_down(self, reason: str) -> None:
        self._show(Phase.DOWN if self._until is None else Phase.BACKOFF, reason, self._until)

    def _raise_if_parked(self) -> None:
        if self._parked is None:
            return
        error, pins = self._parked
        about_keys = error.status in (Status.HOST_KEY_UNKNOWN, Status.HOST_KEY_CHANGED)
        if about_keys and self._pins_now() != pins:
            self._parked = None  # somebody pinned or forgot a key of this host
            return
        raise error

    def _pins_now(self) -> object:
        try:
            return self._pins(self._host)
        except KeyFileError as error:
            return str(error)


async def unless(stop: asyncio.Event | None, opening: Coroutine[Any, Any, Link]) -> Link | None:
    """The link, or None if `stop` was set first; the attempt itself goes on for others."""
    task = asyncio.ensure_future(opening)
    ready = asyncio.Event()

    def done(task: asyncio.Task[Link]) -> None:
        ready.set()
        if not task.cancelled():
            task.exception()  # asked for here, as we may be cancelled before we look

    task.add_done_callback(done)
    try:
        await first(ready, stop)
        return task.result() if task.done() else None
    finally:
        task.cancel()
