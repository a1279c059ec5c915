"""What moment a log's stamp means, where the stamp says neither year nor zone."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
AHEAD_S = 86_400.0
"""How far ahead of ours a host's clock may be, before its stamp is one of an earlier year, or not believed."""
BEHIND_S = 90 * 86_400.0
"""How old something may be that is read for the first time: as long as it is kept (`store.logins.KEPT_S`)."""
_SAME_HOUR_S = 300.0
_LEAP_CYCLE = 8  # years between two 29 Februaries around 1900, 2100, 2200


def believed(time: float, now: float) -> bool:
    """Whether what we read `now` may have happened at that `time` (seconds since the epoch).

    A host without a clock begins in 1970, and one whose clock was set wrong writes of years to come. What were put down
    so would be forgotten at once, or be the newest for years.
    """
    return now - BEHIND_S <= time <= now + AHEAD_S


def from_iso(stamp: str, zone: tzinfo | None) -> float | None:
    """Seconds since the epoch of ``2026-11-22T18:00:00.123456+08:00``; one without a zone is in `zone`.

    None when there is no such moment. A `zone` of None is this machine's.
    """
    # A leap second has no moment of its own in a POSIX clock.
    stamp = stamp.replace(":60", ":59", 1) if stamp[16:19] == ":60" else stamp
    try:
        moment = datetime.fromisoformat(stamp)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None


def from_parts(month: str, day: str, clock: str, year: str | None, *, now: float, zone: tzinfo | None) -> float | None:
    """Seconds since the epoch of ``Nov 22 18:00:00`` in `zone`: the newest that is not after `now` and a day.

    That is right over the end of a year, for the 29 of February, and for logs of up to a year ago. In the hour that a
    clock set back repeats, it is the later one if that can be already.
    """
    try:
        hour, minute, second, micros = _clock(clock)
        newest = int(year) if year else datetime.fromtimestamp(now + AHEAD_S, zone).year
        for guess in (newest,) if year else range(newest, newest - _LEAP_CYCLE - 1, -1):
            try:
                moment = datetime(guess, MONTHS[month], int(day), hour, minute, second, micros, tzinfo=zone)
            except ValueError:  # 29 February of a common year, or no day of any
                continue
            instant = moment.timestamp()
            if year or instant <= now + AHEAD_S:
                return _later_if_possible(moment, instant, now, zone)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return None


def _later_if_possible(moment: datetime, instant: float, now: float, zone: tzinfo | None) -> float:
    if zone is UTC:
        return instant
    later = moment.replace(fold=1).timestamp()
    return later if instant < later <= now + _SAME_HOUR_S else instant


def _clock(text: str) -> tuple[int, int, int, int]:
    hour, minute, second = text[0:2], text[3:5], text[6:8]
    return int(hour), int(minute), min(int(second), 59), int(text[9:15].ljust(6, "0"))
