"""The alert that always fires, watched by us: as long as it arrives, any other would."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orchestrator.errors import StoreError
from orchestrator.store import Outbox, Preferences, Priority

log = logging.getLogger(__name__)

SILENT_AFTER_S = 300.0
LOOK_S = 5.0

SILENT, HEARD = "alerts.silent", "alerts.heard"
"""Kinds of letters: no Watchdog any more, ``{"part": Part, "detail": text}``, and again, ``{"seconds": float}``."""


_OURS = "orchestrator"


class Part(StrEnum):
    """What of the way from a rule to us does not work."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    RULES = "rules"
    """Prometheus runs, but sends no alerts."""
    WEBHOOK = "webhook"
    """Alertmanager has the alert, but its messages do not arrive, or are not taken."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The part, and in one line what is known of it."""

    part: Part
    detail: str


class Watchdog:
    """Tells when the Watchdog has not arrived for `silent_after` seconds, and when it does again.

    `diagnose` finds out why. What was told is kept in `memory`, so that it is not told again after a restart, and its
    end is. `monotonic` gives seconds of a clock that never jumps.
    """

    def __init__(
        self,
        outbox: Outbox,
        memory: Preferences,
        diagnose: Callable[[], Awaitable[Fault]],
        *,
        silent_after: float = SILENT_AFTER_S,
        look: float = LOOK_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._memory = memory
        self._diagnose = diagnose
        self._silent_after = silent_after
        self._look = look
        self._monotonic = monotonic
        self._last = monotonic()
        self._told: str | None = None
        self.heard_at: datetime | None = None
        """When it last arrived; None when it never did."""
        self.fault: Fault | None = None
        """Why it does not arrive; None while it does, or might still."""

    def heard(self) -> None:
        """It arrived."""
        self._last = self._monotonic()
        self.heard_at = datetime.now(UTC)

    @property
    def silent_for(self) -> float:
        """Seconds since it arrived, or since we began to listen."""
        return self._monotonic() - self._last

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._look)
            try:
                await self._judge()
            except StoreError as error:
                log.error("that alerts are silent, or heard again, cannot be told: %s", error)

    async def _judge(self) -> None:
        if self._told is None:
            self._told = await self._memory.get(_OURS, SILENT) or ""
        silent = self.silent_for
        if silent <= self._silent_after:
            self.fault = None
            if self._told and self.heard_at:
                await self._tell_heard(self._told)
            return
        self.fault = await self._diagnose()
        if not self._told:
            await self._tell_silent(self.fault, silent)

    async def _tell_silent(self, fault: Fault, seconds: float) -> None:
        log.error("no alert would arrive: %s: %s", fault.part, fault.detail)
        thread = f"{SILENT} {time.time():.3f}"
        payload = {"part": fault.part, "detail": fault.detail, "seconds": seconds}
        await self._outbox.add(SILENT, payload, key=thread, thread=thread, priority=Priority.CRITICAL)
        await self._remember(thread)

    async def _tell_heard(self, thread: str) -> None:
        log.info("alerts arrive again")
        seconds = time.time() - float(thread.rpartition(" ")[2]) + self._silent_after
        payload, key = {"seconds": seconds}, f"{thread} {HEARD}"
        await self._outbox.add(HEARD, payload, key=key, thread=thread, priority=Priority.RESOLVED)
        await self._remember("")

    async def _remember(self, thread: str) -> None:
        self._told = thread
        await self._memory.set(_OURS, SILENT, thread)
