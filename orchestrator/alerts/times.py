"""How long and from when, as people say it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from orchestrator.errors import UsageError

SHORTEST_S, LONGEST_S = 60.0, 90 * 86400.0
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(?:\d{1,6}[mhdw])+", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{4})-(\d\d?)-(\d\d?)[T ])?([01]?\d|2[0-3]):?([0-5]\d)", re.ASCII)


def duration(text: str) -> float:
    """Seconds of ``30m``, ``2h``, ``1d``, ``1w``, ``1h30m``. Raises UsageError for anything else, less than a minute or
    more than 90 days.
    """
    word = text.strip().lower()
    if not _DURATION.fullmatch(word):
        raise UsageError(f"{text[:20]!r} is not a duration", remedy="Say for example 30m, 2h, 1d or 1h30m")
    seconds = float(sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([mhdw])", word)))
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise UsageError(f"{text[:20]!r} is not from 1m to 90d", remedy="Say for example 2h")
    return seconds


def beginning(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """The moment of ``22:00`` (tomorrow's when that has passed today) or ``2026-01-31 22:00`` in `zone`, None being the
    system's. Raises UsageError for anything else, and for a date that has passed.
    """
    remedy = "Say for example 22:00 or '2026-01-31 22:00'"
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text[:20]!r} is not a time", remedy=remedy)
    year, month, day, hour, minute = (int(part) if part else None for part in found.groups())
    local = now.astimezone(zone)
    at = local.replace(hour=hour or 0, minute=minute or 0, second=0, microsecond=0, tzinfo=None, fold=0)
    try:
        at = at.replace(year=year, month=month or 1, day=day or 1) if year else at
    except ValueError:
        raise UsageError(f"{text[:20]!r} is not a date", remedy=remedy) from None
    moment = _in_zone(at, zone)
    if moment <= now and year is None:
        moment = _in_zone(at + timedelta(days=1), zone)
    if moment <= now:
        raise UsageError(f"{text[:20]!r} has passed", remedy=remedy)
    return moment


def _in_zone(naive: datetime, zone: tzinfo | None) -> datetime:
    return naive.replace(tzinfo=zone) if zone else naive.astimezone()
