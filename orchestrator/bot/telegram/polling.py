"""Takes updates from Telegram, over outages and clients that hang.

An update is confirmed to Telegram (by asking for later ones) only after it was accepted here, so a crash in between
brings it again. The library's own Updater confirms what it has only queued.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from orchestrator.bot.telegram.client import Client, brief, seconds_asked
from orchestrator.bot.telegram.pace import Pace
from orchestrator.errors import OrchestratorError, SettingsError

log = logging.getLogger(__name__)

KINDS: Final = ("message", "callback_query")
REPLACED_IN_VAIN = 5
REJECTED_IN_A_ROW = 5
HUNG_AFTER = 4  # times as long as a poll may take

Accept = Callable[[Mapping[str, Any]], Awaitable[None]]


class PollingStuck(OrchestratorError, RuntimeError):
    """Telegram answers, only not our polls, however often the client is replaced: a new process is the last hope."""


class Poller:
    """Feeds every update, as JSON, to `accept`.

    `last_poll` is the Unix time of the last getUpdates that succeeded, None before the first.
    """

    def __init__(self, client: Client, accept: Accept, pace: Pace) -> None:
        self._client = client
        self._accept = accept
        self._pace = pace
        self._offset = 0
        self._failures = 0
        self._rejected = 0
        self._replaced = 0
        self._alive_at = time.monotonic()
        self._asking_since: float | None = None
        self.last_poll: float | None = None

    @property
    def hung(self) -> bool:
        """Whether a question to Telegram neither got an answer nor failed, long after it had to do either.

        An outage is no such thing: it makes questions fail, and no new process would help.
        """
        since = self._asking_since
        return since is not None and time.monotonic() - since > HUNG_AFTER * self._pace.wedged_after

    async def run(self) -> None:
        """Poll until cancelled.

        Raises `SettingsError` when Telegram rejects the token again and again, and `PollingStuck`.
        """
        self._alive_at = time.monotonic()
        while True:
            try:
                await self._poll()
            except (TelegramError, TimeoutError) as error:
                await self._failed(error)
            except OrchestratorError as error:
                # Not remembered, so not confirmed: it comes again, and runs then.
                log.error("an update could not be taken: %s", error)
                self._failures += 1
                await asyncio.sleep(self._pace.pause(self._failures))
            else:
                if self._failures:
                    log.info("Telegram answers again")
                self._failures = self._rejected = 0

    async def _poll(self) -> None:
        # The HTTP client has timeouts of its own; this one holds when it hangs all the same.
        self._asking_since = time.monotonic()
        try:
            async with asyncio.timeout(self._pace.wedged_after):
                updates = await self._client.updates(self._offset, KINDS)
        finally:
            self._asking_since = None
        self._alive_at = time.monotonic()
        self._replaced = 0
        self.last_poll = time.time()
        for update in updates:
            await self._accept(update)
            self._offset = int(update["update_id"]) + 1

    async def _failed(self, error: TelegramError | TimeoutError) -> None:
        self._failures += 1
        level = logging.WARNING if self._failures in (1, 10) else logging.DEBUG
        log.log(level, "no updates from Telegram: %s", _explain(error))
        self._rejected = self._rejected + 1 if isinstance(error, InvalidToken) else 0
        if self._rejected >= REJECTED_IN_A_ROW:
            raise rejected()
        if not isinstance(error, Conflict | RetryAfter):
            await self._unwedge()
        pause = self._pace.pause(self._failures)
        await asyncio.sleep(max(pause, seconds_asked(error)))

    async def _unwedge(self) -> None:
        """Replace a client that has not polled for too long; give up when that does not help again and again."""
        if time.monotonic() - self._alive_at < self._pace.wedged_after:
            return
        log.warning("no successful poll for %.0f s: replacing the HTTP client", self._pace.wedged_after)
        await self._client.replace()
        self._alive_at = time.monotonic()
        try:
            async with asyncio.timeout(2 * self._pace.answer):
                await self._client.bot.get_me()
        except (TelegramError, TimeoutError):
            return  # Telegram is away for everything: no new process would help
        self._replaced += 1
        if self._replaced > REPLACED_IN_VAIN:
            raise PollingStuck(
                "Telegram answers, but polling for messages hangs", where="Telegram", remedy="Start the program again"
            )


def rejected() -> SettingsError:
    """What to say when Telegram does not know the token."""
    return SettingsError(
        "Telegram does not accept this token",
        where="BOT_TOKEN",
        remedy="Ask @BotFather for the current one, and check TELEGRAM_API_URL if it is set",
    )


def _explain(error: TelegramError | TimeoutError) -> str:
    if isinstance(error, Conflict):
        return "another program polls with the same bot token; stop one of them"
    return brief(error)
