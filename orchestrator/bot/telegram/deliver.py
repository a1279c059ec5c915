"""Gets calls through to Telegram: in order in each chat, within its rates, over its refusals and outages.

What waits here is lost when the process ends. That is right for answers, whose requester is there to ask again; what
must survive is remembered first and handed in from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from telegram.error import TelegramError

from orchestrator.bot.telegram.client import UPLOAD_S, Fate, brief, fate_of, seconds_asked
from orchestrator.bot.telegram.pace import ALL_CHATS, EDITS_OF_A_MESSAGE_S, GROUP_CHAT, PRIVATE_CHAT, Allowance, Pace

log = logging.getLogger(__name__)

MOST_WAITING = 100  # calls of one chat
MOST_BYTES = 128 << 20  # of all that waits, documents being the most of it
MOST_IDLE = 1000  # chats whose rate is remembered while nothing waits for them

Call = Callable[[], Awaitable[int]]
T = TypeVar("T")


@dataclass(eq=False)
class _Job:
    call: Call
    key: Hashable
    size: int
    expires: float
    done: asyncio.Future[int | None]
    doubtful: bool = False


@dataclass(eq=False)
class _Line:
    """What waits for one chat."""

    chat_id: int
    allowance: Allowance
    jobs: deque[_Job] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    edited_at: dict[Hashable, float] = field(default_factory=dict)
    failures: int = 0
    dropping: bool = False
    task: asyncio.Task[None] | None = None


class Deliverer:
    """Queues of calls, one a chat, each served by a task that lives as long as something waits.

    `ping` is a harmless call that proves that Telegram answers.
    """

    def __init__(
        self, ping: Callable[[], Awaitable[object]], pace: Pace, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ping = ping
        self._pace = pace
        self._monotonic = monotonic
        self._overall = Allowance(ALL_CHATS, monotonic)
        self._turn = asyncio.Lock()
        self._lines: dict[int, _Line] = {}
        self._bytes = 0
        self._closed = False

    def post(
        self, chat_id: int, call: Call, *, key: Hashable = None, size: int = 0, doubtful: bool = False
    ) -> asyncio.Future[int | None]:
        """Make `call` in its turn; the future has its result, or None when it was given up (which is logged).

        With a `key`, the call brings something to its newest state: it may be repeated freely, one that waits already
        serves for this one too, and calls of the same key are a second apart. Without, it is repeated only once when
        its answer was lost; `doubtful` says that this was the case before, so that this call is the repeat. `size` is
        the number of bytes it holds in memory.
        """
        line = self._line(chat_id)
        if key is not None:
            for job in line.jobs:
                if job.key == key:
                    return job.done
        done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        if self._closed or len(line.jobs) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            _dropped(line, "too much waits already")
            done.set_result(None)
            return done
        line.jobs.append(_Job(call, key, size, self._monotonic() + self._pace.keep, done, doubtful))
        self._bytes += size
        line.arrived.set()
        if line.task is None or line.task.done():
            line.task = asyncio.create_task(self._serve(line), name=f"deliver to {chat_id}")
        return done

    def made(self, chat_id: int, count: int) -> None:
        """Another process has just made so many calls for a chat: they count towards its rate."""
        allowance = self._line(chat_id).allowance
        while count > 0 and allowance.take():
            count -= 1

    async def close(self) -> None:
        """Take nothing more, deliver what waits within the bound, and give up the rest."""
        self._closed = True
        if busy := [line.task for line in self._lines.values() if line.task and not line.task.done()]:
            _, late = await asyncio.wait(busy, timeout=self._pace.drain)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _line(self, chat_id: int) -> _Line:
        if chat_id not in self._lines:
            if len(self._lines) >= MOST_IDLE:
                self._lines = {id_: line for id_, line in self._lines.items() if line.jobs or not _finished(line)}
            rate = PRIVATE_CHAT if chat_id > 0 else GROUP_CHAT
            self._lines[chat_id] = _Line(chat_id, Allowance(rate, self._monotonic))
        return self._lines[chat_id]

    async def _serve(self, line: _Line) -> None:
        try:
            while line.jobs:
                job, wait = self._pick(line)
                if job is None:
                    await _rest(line, wait)
                else:
                    line.jobs.remove(job)
                    if job.key is not None:
                        line.edited_at[job.key] = self._monotonic()
                    await self._attempt(line, job)
        finally:
            if line.jobs:
                log.warning("chat %s: %d messages were not delivered", line.chat_id, len(line.jobs))
            while line.jobs:
                self._finish(line.jobs.popleft(), None)

    def _pick(self, line: _Line) -> tuple[_Job | None, float]:
        """The first job whose time has come, or the seconds until there is one."""
        now = self._monotonic()
        if wait := line.allowance.wait():
            return None, wait
        line.edited_at = {key: at for key, at in line.edited_at.items() if at + EDITS_OF_A_MESSAGE_S > now}
        waits = []
        for job in line.jobs:
            edited_at = line.edited_at.get(job.key)
            wait = 0.0 if edited_at is None else edited_at + EDITS_OF_A_MESSAGE_S - now
            if wait <= 0:
                return job, 0.0
            waits.append(wait)
        return None, min(waits)

    async def _attempt(self, line: _Line, job: _Job) -> None:
        """Make a call; when it fails and may be repeated, put it back and rest."""
        if self._monotonic() > job.expires:
            self._give_up(line, job, "Telegram was away for too long")
            return
        began = False
        try:
            await self._admit(line)
            if job.doubtful:
                # A repeat may double the message: only once it is likely to get through.
                await self._within(self._ping())
            began = True
            result = await self._make(job)
        except asyncio.CancelledError:
            line.jobs.appendleft(job)
            raise
        except (TelegramError, TimeoutError) as error:
            await self._failed(line, job, error, fate_of(error) if began else Fate.NOT_SENT)
        except Exception:
            log.exception("chat %s: a message could not be made", line.chat_id)
            self._finish(job, None)
        else:
            line.failures, line.dropping = 0, False
            self._finish(job, result)

    async def _admit(self, line: _Line) -> None:
        """Wait for the turn of this chat among all, and count the call."""
        async with self._turn:
            await asyncio.sleep(self._overall.wait())
            self._overall.take()
        line.allowance.take()

    async def _make(self, job: _Job) -> int:
        return await self._within(job.call(), UPLOAD_S if job.size else 0.0)

    async def _within(self, call: Awaitable[T], extra: float = 0.0) -> T:
        # The HTTP client has timeouts of its own; this one holds when it hangs all the same.
        async with asyncio.timeout(4 * self._pace.answer + extra):
            return await call

    async def _failed(self, line: _Line, job: _Job, error: Exception, fate: Fate) -> None:
        if fate is Fate.REFUSED or (fate is Fate.UNKNOWN and job.doubtful):
            self._give_up(line, job, brief(error))
            return
        job.doubtful = job.doubtful or (fate is Fate.UNKNOWN and job.key is None)
        line.failures += 1
        level = logging.WARNING if line.failures == 1 else logging.DEBUG
        log.log(level, "chat %s: will try again: %s", line.chat_id, brief(error))
        line.jobs.appendleft(job)
        await asyncio.sleep(seconds_asked(error) or self._pace.pause(line.failures))

    def _give_up(self, line: _Line, job: _Job, why: str) -> None:
        _dropped(line, why)
        self._finish(job, None)

    def _finish(self, job: _Job, result: int | None) -> None:
        self._bytes -= job.size
        if not job.done.done():
            job.done.set_result(result)


def _finished(line: _Line) -> bool:
    return line.task is None or line.task.done()


def _dropped(line: _Line, why: str) -> None:
    """Warn of the first lost message of a chat; more of them, until one gets through, are for debugging."""
    level = logging.DEBUG if line.dropping else logging.WARNING
    log.log(level, "chat %s: a message was not delivered: %s", line.chat_id, why)
    line.dropping = True


async def _rest(line: _Line, wait: float) -> None:
    """Wait so long, or until something new has come."""
    line.arrived.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await line.arrived.wait()
