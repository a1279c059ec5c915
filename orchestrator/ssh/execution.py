"""One command on one host from its start to a Result that tells the truth."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh.become import Entrance, unanswered
from orchestrator.ssh.exchange import Channel, Exchange, NotStarted, OnOutput, Spawner
from orchestrator.ssh.failure import NoConnection
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.remote import become_of, program
from orchestrator.ssh.result import Command, Result, Status
from orchestrator.ssh.sweep import GONE, UNKNOWN, Fate, fate, sweep

T = TypeVar("T")
# What sudo -n and doas -n say, in English; in another language the general reason is given.
_WANTS_PASSWORD = rb"a password is required|Authentication required"
# What sudo says, in English, of somebody whose password was right (plugins/sudoers/logging.c).
_FORBIDS = rb"is not in the sudoers file|may not run sudo|is not allowed to"


async def first(*events: asyncio.Event | None, timeout: float | None = None) -> bool:
    """Wait until one of `events` is set; False after `timeout` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events if event is not None]
    try:
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Finish `work`, which must be bounded, even while we are being cancelled; the caller raises afterwards."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            continue
    return task.result()


@dataclass(slots=True)
class Execution:
    """Runs `command` through `spawner`; `reserve` starts the program that stops it (another channel)."""

    host: Host
    command: Command
    spawner: Spawner
    reserve: Spawner
    limits: Limits

    async def run(self, stop: asyncio.Event | None = None, on_output: OnOutput | None = None) -> Result:
        """Run to the end, the deadline or `stop`, whichever is first. Raises NotStarted, and what `on_output` raised.

        Takes at most `command.timeout` + `limits.kill_timeout` seconds after the start. Cancellation stops the remote
        process first, within `limits.kill_timeout`.
        """
        wrapped = program(self._become, self.command)
        exchange = Exchange(wrapped, self.command.limit, on_output)
        started_at, started = datetime.now(UTC), time.monotonic()
        deadline = started + self.command.timeout
        opening = asyncio.ensure_future(self.spawner.spawn(wrapped.line, exchange))
        feeding: asyncio.Task[None] | None = None
        try:
            await self._opened(opening, exchange, stop, deadline)
            if opening.done():
                feeding = asyncio.ensure_future(exchange.feed(opening.result()))
                await first(exchange.ended, stop, timeout=deadline - time.monotonic())
            if exchange.has_status:
                await self._drain(exchange, stop, deadline)
            status = self._verdict(exchange, stop, overdue=time.monotonic() >= deadline)
            known = UNKNOWN if status is Status.LOST else GONE
            if status in (Status.TIMEOUT, Status.CANCELLED):
                known = await self._stopped(opening, exchange, wrapped.token)
        except asyncio.CancelledError:
            if not exchange.ended.is_set():
                await to_the_end(self._stopped(opening, exchange, wrapped.token))
            raise
        finally:
            if feeding is not None:
                feeding.cancel()
            exchange.mute()
            _hang_up(opening)
        if exchange.fault is not None:
            raise exchange.fault
        return self._result(exchange, status, known, started_at, time.monotonic() - started)

    async def _opened(
        self, opening: asyncio.Future[Channel], exchange: Exchange, stop: asyncio.Event | None, deadline: float
    ) -> None:
        """Wait for the channel; a host that gives none in time is not waited for any longer."""
        ready = asyncio.Event()
        opening.add_done_callback(lambda _: ready.set())
        if await first(ready, stop, timeout=self.limits.connect_timeout):
            return
        if exchange.requested:
            await first(ready, stop, timeout=deadline - time.monotonic())
            return
        self.spawner.spoil()
        raise NotStarted(f"no answer to a new session within {self.limits.connect_timeout:g} s", again=False)

    def _verdict(self, exchange: Exchange, stop: asyncio.Event | None, *, overdue: bool) -> Status:
        if exchange.has_status:
            if overdue and exchange.exit_code == 128 + signal.SIGKILL:
                return Status.TIMEOUT  # the host's own backstop was quicker than we were
            return Status.OK if exchange.exit_code == 0 and exchange.entrance.announced.is_set() else Status.FAILED
        if exchange.finished.is_set():
            return Status.LOST
        if (stop is not None and stop.is_set()) or exchange.fault is not None:
            return Status.CANCELLED
        return Status.TIMEOUT

    async def _drain(self, exchange: Exchange, stop: asyncio.Event | None, deadline: float) -> None:
        """Wait for output still on its way after the end; a background process may hold the stream open for ever."""
        seen = None
        while not exchange.finished.is_set():
            size = exchange.stdout.size + exchange.stderr.size
            if size == seen or (seen is not None and time.monotonic() >= deadline):
                return
            seen = size
            await first(exchange.finished, stop, timeout=self.limits.drain)

    async def _stopped(self, opening: asyncio.Future[Channel], exchange: Exchange, token: str) -> Fate:
        """Stop the remote command, and tell what is known of it then; one that never began is gone."""
        known = UNKNOWN
        try:
            async with asyncio.timeout(self.limits.kill_timeout):
                if not opening.done():
                    await asyncio.wait([opening], timeout=self.limits.kill_timeout / 2)
                if not exchange.requested:
                    return GONE
                await first(exchange.entrance.announced, exchange.ended, timeout=self.limits.kill_timeout / 2)
                if exchange.entrance.group is not None:
                    known = await swept(self.reserve, self._become, exchange.entrance.group, token, self.limits)
        except (TimeoutError, NotStarted, NoConnection):
            pass
        if known is UNKNOWN:
            self.spawner.spoil()
        else:
            await first(exchange.finished, timeout=0.2)
        return known

    @property
    def _become(self) -> Become | None:
        return become_of(self.host, self.command)

    def _result(self, exchange: Exchange, status: Status, known: Fate, started_at: datetime, duration: float) -> Result:
        return Result(
            host=self.host.name,
            status=status,
            exit_code=exchange.exit_code if status.answered else None,
            stdout=exchange.stdout.value,
            stderr=exchange.stderr.value,
            stdout_size=exchange.stdout.size,
            stderr_size=exchange.stderr.size,
            truncated=exchange.stdout.truncated or exchange.stderr.truncated,
            started_at=started_at,
            duration=duration,
            detail=self._detail(exchange, status, known),
            may_be_alive=known.alive,
        )

    def _detail(self, exchange: Exchange, status: Status, known: Fate) -> str:
        if status is Status.TIMEOUT:
            return f"no end within {self.command.timeout:g} s; {known.text}"
        if status is Status.CANCELLED:
            return f"stopped on request; {known.text}"
        if status is Status.LOST:
            how = exchange.loss or "the session closed without an exit status"
            begun = "" if exchange.entrance.announced.is_set() else "; it had not reported its start"
            return f"{how}{begun}; {known.text}"
        if not exchange.entrance.announced.is_set():
            return never_started(exchange.entrance, self._become, exchange.exit_code, exchange.stderr.value)
        if exchange.signal is not None:
            return f"killed by signal {exchange.signal}"
        if not exchange.finished.is_set():
            return "a background process kept the output open"
        return ""


def never_started(entrance: Entrance, become: Become | None, exit_code: int | None, said: bytes) -> str:
    """Why a command or shell ended with `exit_code`, having `said` this, before it announced itself."""
    if entrance.failure:
        return entrance.failure
    method = become.method if become is not None else ""
    if method and exit_code == 127 and _names_missing(method, said):
        return f"never started: {method} is not installed (become: true)"
    if method and re.search(_WANTS_PASSWORD, said):
        return unanswered(method)
    if method == "sudo" and re.search(_FORBIDS, said):
        return "never started: sudo does not allow it to this account"
    return f"never started: the account's shell, a forced command{f' or {method}' * bool(method)} ended first"


async def swept(reserve: Spawner, become: Become | None, group: int, token: str, limits: Limits) -> Fate:
    """End process group `group`, which runs as `become` with the mark `token`, and tell what is known of it then.

    Raises NotStarted, NoConnection; the caller bounds the time.
    """
    command = sweep(group, token, limits.kill_timeout)
    wrapped = program(become, command)
    exchange = Exchange(wrapped, command.limit)
    channel = await reserve.spawn(wrapped.line, exchange)
    try:
        await exchange.feed(channel)
        await exchange.finished.wait()
    finally:
        channel.close()
    return fate(exchange.stdout.value) if exchange.exit_code == 0 else UNKNOWN


def _names_missing(program: str, said: bytes) -> bool:
    """True if a shell `said` that there is no `program`, as sh, bash, zsh and fish say it, each with status 127."""
    name = re.escape(program.encode())
    missing = rb"\b%b: (command )?not found|(not found|unknown command): %b\b" % (name, name)
    return re.search(missing, said, re.IGNORECASE) is not None


def exit_code_of(signal_name: str) -> int | None:
    """What a shell reports for a process killed by `signal_name` (``KILL`` -> 137); None for a name without number."""
    number = getattr(signal, f"SIG{signal_name}", None)
    return 128 + int(number) if number is not None else None


def _hang_up(opening: asyncio.Future[Channel]) -> None:
    """Close the channel, now or when it turns up late."""

    def close(done: asyncio.Future[Channel]) -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().close()

    if opening.done():
        close(opening)
    else:
        opening.add_done_callback(close)
        opening.cancel()
