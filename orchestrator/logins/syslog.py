"""The head of a syslog line, in whatever form: when, which host, which program, and what it said.

RFC 3164 (with or without year and fraction), RFC 5424 with structured data, rsyslog's and journalctl's ISO 8601, and
the forms of busybox and OpenWrt, which name a facility and may name no host.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import NamedTuple

from orchestrator.logins.times import MONTHS, from_iso, from_parts

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?+(?:Z|[+-]\d\d:?+\d\d)?+"
_PARTS = (
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ \t]++)?+(?P<month>{'|'.join(MONTHS)})[ \t]++(?P<day>\d\d?+)[ \t]++"
    r"(?:(?P<year_before>\d{4})[ \t]++)?+(?P<clock>\d\d:\d\d:\d\d(?:[.]\d{1,9}+)?+)(?:[ \t]++(?P<year>\d{4}))?+"
)
# Every repetition is possessive: there is nothing to go back to, so a head costs one pass over it.
_HEAD = re.compile(
    rf"\ufeff?+(?:<\d{{1,3}}+>)?+(?:{_PARTS}|(?P<iso>{_ISO}))[ \t]++"
    r"(?:(?P<host>[^ \t]++(?<!:))[ \t]++)?+"
    r"(?:[a-z0-9]{2,10}+\.[a-z]{3,7}+[ \t]++)?+"
    r"(?P<program>[^ \t:\[]{1,64}+)(?:\[(?P<pid>\d{1,10}+)\])?+:[ \t]?+",
    re.ASCII,
)
_HEAD_5424 = re.compile(
    rf"\ufeff?+<\d{{1,3}}+>\d{{1,2}}+ (?P<iso>{_ISO}) "
    r"(?P<host>[^ ]++) (?P<program>[^ ]{1,64}+) (?P<pid>[^ ]++) [^ ]++ "
    r'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*+")*+\])++)(?: \ufeff?+|\Z)',
    re.ASCII | re.DOTALL,
)
_FACILITY = re.compile(r"<?(?:auth|authpriv|daemon|user|syslog|kern|cron|local[0-7])\.[a-z]{3,7}>?")
_END = 253_370_764_800.0
"""The year 9999, from which on a zone could lead out of what `datetime` holds."""


class Said(NamedTuple):
    """A line taken apart. `time` in seconds since the epoch; `host` is ``""`` where the line names none."""

    time: float
    host: str
    program: str
    pid: int | None
    message: str


def take_apart(line: str, *, now: float, zone: tzinfo | None) -> Said | None:
    """What a line of a log says, or None for what is no such line.

    `now` (seconds since the epoch) and `zone`, the host's, tell what stamp without a year or a zone means.
    """
    head = _HEAD.match(line)
    if head is not None:
        host = head["host"] or ""
        time = _time(head, now, zone)
        host = "" if _FACILITY.fullmatch(host) else host
    else:
        head = _HEAD_5424.match(line)
        if head is None:
            return None
        host = "" if head["host"] == "-" else head["host"]
        time = from_iso(head["iso"], zone)
    if time is None or not 0 <= time < _END:
        return None
    pid = head["pid"]
    number = int(pid) if pid and len(pid) <= 10 and pid.isascii() and pid.isdigit() else None
    return Said(time, host, head["program"], number, line[head.end() :])


def _time(head: re.Match[str], now: float, zone: tzinfo | None) -> float | None:
    if head["iso"]:
        return from_iso(head["iso"], zone)
    year = head["year"] or head["year_before"]
    return from_parts(head["month"], head["day"], head["clock"], year, now=now, zone=zone)
