"""The daily summary: at an hour of the fleet's, once a day, late when we were away at that hour."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from orchestrator.errors import StoreError
from orchestrator.store import AlertTables, Database, Outbox, Preferences, Priority, Transaction

LETTER = "summary"
"""The kind of our letters; their payload is ``{"at": Unix time, "alerts": how many began in the day before}``."""

FLEET, NAME = "fleet", "summary"  # of the preference
LATE = timedelta(hours=6)  # after that it is not worth telling any more
DAY = timedelta(hours=24)
LOOK_EVERY_S = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The time of day of the summary, and since when (aware) it has been that."""

    clock: time
    since: datetime


class Summaries:
    """Puts the summary into the outbox. `zone` None is the system's; `now` gives the time, aware."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        zone: tzinfo | None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._preferences = Preferences(database)
        self._zone = zone
        self._now = now
        self._told: date | None = None

    async def schedule(self) -> Schedule | None:
        """When it is told; None when it is not. Raises StoreError."""
        text = await self._preferences.get(FLEET, NAME)
        if not text:
            return None
        row = json.loads(text)
        return Schedule(time.fromisoformat(row["clock"]), datetime.fromtimestamp(row["since"], UTC))

    async def set(self, clock: time | None) -> None:
        """Tell it at a time of day from now on, or not any more. Raises StoreError."""
        row = {"clock": clock.isoformat("minutes"), "since": self._now().timestamp()} if clock else None
        await self._preferences.set(FLEET, NAME, json.dumps(row) if row else "")

    async def run(self) -> None:
        """Tell it each day until cancelled."""
        while True:
            try:
                await self.tell()
            except StoreError as error:
                log.warning("the daily summary has to wait: %s", error)
            # Looked at the clock again and again: a long sleep would not notice that it was set.
            await asyncio.sleep(LOOK_EVERY_S)

    async def tell(self) -> bool:
        """Put today's into the outbox if it is due; False when it is not, or was put in before. Raises StoreError."""
        schedule, now = await self.schedule(), self._now()
        day = due(schedule, now, self._zone) if schedule else None
        if day is None or day == self._told:
            return False

        def work(tx: Transaction) -> bool:
            alerts = AlertTables().opened(tx, (now - DAY).timestamp(), now.timestamp())
            told = {"at": now.timestamp(), "alerts": alerts}
            return self._outbox.put(tx, LETTER, told, key=f"{LETTER} {day}", priority=Priority.INFO)

        added = await self._database.write(work)
        self._told = day
        return added


def due(schedule: Schedule, now: datetime, zone: tzinfo | None) -> date | None:
    """The day whose summary is to be told now, if any: its hour has come since the schedule is in force.

    A time that the clocks jump over is when they have jumped; one that they show twice is the first of the two.
    """
    today = now.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        naive = datetime.combine(day, schedule.clock)
        # As UTC: two times of one zone would be compared by what its clocks show.
        moment = (naive.replace(tzinfo=zone) if zone else naive.astimezone()).astimezone(UTC)
        if moment > schedule.since and timedelta() <= now - moment <= LATE:
            return day
    return None
