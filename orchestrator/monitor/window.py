"""The stretch of time that a chart is about, as people ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import ceil

from orchestrator.errors import UsageError

SCRAPE_S = 15
"""Seconds between two scrapes, as our configuration of Prometheus says."""
STEPS = 300
SHORT_MIN = 5
MOST_MIN = 31 * 24 * 60
"""Minutes; about as long as our Prometheus remembers."""

_MINUTES = "Give minutes from 1 to 44640, or a time such as 0930 and minutes either side"


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, both Unix times in whole seconds."""

    start: int
    end: int

    @property
    def step(self) -> float:
        """Seconds between two points: no finer than there are samples, and about as many as a phone can show."""
        return max(float(SCRAPE_S), (self.end - self.start) / STEPS)

    @classmethod
    def last(cls, minutes: int, now: datetime) -> Window:
        """The last `minutes`."""
        end = ceil(now.timestamp())  # not before the newest sample
        return cls(end - 60 * minutes, end)

    @classmethod
    def around(cls, clock: tuple[int, int], minutes: int, now: datetime, zone: tzinfo | None) -> Window:
        """`minutes` either side of an hour and minute in `zone`: today's, or yesterday's if that is still to come.

        It ends now at the latest.
        """
        local = now.astimezone(zone)
        naive = local.replace(hour=clock[0], minute=clock[1], second=0, microsecond=0, tzinfo=None, fold=0)
        # Yesterday by the calendar, not 24 hours ago: a day on which clocks are set has 23 or 25.
        middle = _in_zone(naive, zone)
        if middle > now:
            middle = _in_zone(naive - timedelta(days=1), zone)
        at = int(middle.timestamp())
        return cls(at - 60 * minutes, min(at + 60 * minutes, ceil(now.timestamp())))


def split(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """``[AGENT] [[HHMM] MINUTES]`` as the agent, "" when there is none, and the words about time.

    Of three words the first is the agent whatever it looks like.
    """
    times = 0
    while times < min(2, len(words)) and _is_time(words[-1 - times]):
        times += 1
    agent, rest = words[: len(words) - times], words[len(words) - times :]
    if len(agent) > 1:
        raise UsageError(f"{' '.join(agent)[:60]} is not one agent", remedy=_MINUTES)
    return (agent[0] if agent else ""), tuple(rest)


def parse(words: Sequence[str], now: datetime, zone: tzinfo | None) -> Window:
    """The window that the words about time mean: none, ``MINUTES``, or ``HHMM MINUTES`` (``HH:MM`` too).

    Raises UsageError when they mean nothing.
    """
    if not words:
        return Window.last(SHORT_MIN, now)
    length = minutes(words[-1])
    if len(words) == 1:
        return Window.last(length, now)
    return Window.around(clock(words[0]), length, now, zone)


def _in_zone(naive: datetime, zone: tzinfo | None) -> datetime:
    return naive.replace(tzinfo=zone) if zone else naive.astimezone()


def _is_time(word: str) -> bool:
    return word.replace(":", "", 1).isdecimal() and word.isascii() and len(word) < 7


def minutes(word: str) -> int:
    """A number of them; raises UsageError."""
    if not word.isdecimal() or not 1 <= int(word) <= MOST_MIN:
        raise UsageError(f"{word[:20]} is not a number of minutes", remedy=_MINUTES)
    return int(word)


def clock(word: str) -> tuple[int, int]:
    """The hour and minute of ``0930``, ``930`` or ``09:30``; raises UsageError."""
    digits = word.replace(":", "", 1)
    if len(digits) not in (3, 4) or not digits.isdecimal() or int(digits[-2:]) > 59 or int(digits[:-2]) > 23:
        raise UsageError(f"{word[:20]} is not a time of day", remedy=_MINUTES)
    return int(digits[:-2]), int(digits[-2:])
