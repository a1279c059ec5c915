"""When it was: year ends, leap days, zones, clocks that are ahead or set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from orchestrator.logins.parse import parse_line
from orchestrator.logins.times import from_parts

BERLIN, TAIPEI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Taipei")


def at(text: str, zone: tzinfo = UTC) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def when(stamp: str, now: float, zone: tzinfo = UTC) -> float | None:
    month, day, clock = stamp.split()
    return from_parts(month, day, clock, None, now=now, zone=zone)


@pytest.mark.parametrize(
    ("stamp", "now", "zone", "meant"),
    [
        ("Nov 22 18:00:00", at("2026-11-22T18:00:01"), UTC, at("2026-11-22T18:00:00")),
        ("Dec 31 23:59:59", at("2027-01-01T00:00:05"), UTC, at("2026-12-31T23:59:59")),
        ("Jan  1 00:00:00", at("2026-12-31T23:59:58"), UTC, at("2027-01-01T00:00:00")),  # its clock is ahead
        ("Jan  1 08:00:00", at("2026-12-31T23:59:58"), TAIPEI, at("2027-01-01T00:00:00")),
        ("Nov 23 17:00:00", at("2026-11-22T18:00:00"), UTC, at("2026-11-23T17:00:00")),  # by less than a day
        ("Nov 24 17:00:00", at("2026-11-22T18:00:00"), UTC, at("2025-11-24T17:00:00")),
        ("Feb 29 12:00:00", at("2028-03-01T00:00:00"), UTC, at("2028-02-29T12:00:00")),
        ("Feb 29 12:00:00", at("2026-03-01T00:00:00"), UTC, at("2024-02-29T12:00:00")),
        ("Feb 29 12:00:00", at("2103-03-01T00:00:00"), UTC, at("2096-02-29T12:00:00")),  # 2100 has none
        ("Nov 22 18:00:00", at("2026-11-22T10:00:01"), TAIPEI, at("2026-11-22T10:00:00")),
        ("Nov 22 18:00:60", at("2026-11-22T18:01:00"), UTC, at("2026-11-22T18:00:59")),
        # Berlin's clock is set back from 3 to 2 on 25 October: 02:30 is there twice
        ("Oct 25 02:30:00", at("2026-10-25T00:30:01"), BERLIN, at("2026-10-25T00:30:00")),
        ("Oct 25 02:30:00", at("2026-10-25T01:30:01"), BERLIN, at("2026-10-25T01:30:00")),
        ("Oct 25 02:30:00", at("2026-10-26T00:00:00"), BERLIN, at("2026-10-25T01:30:00")),
        # and on 29 March from 2 to 3: 02:30 is not there, and 1:30 UTC is what it would be
        ("Mar 29 02:30:00", at("2026-03-29T02:00:00"), BERLIN, at("2026-03-29T01:30:00")),
    ],
)
def test_a_stamp_without_a_year_is_the_newest_that_can_be(stamp: str, now: float, zone: tzinfo, meant: float) -> None:
    assert when(stamp, now, zone) == meant


@pytest.mark.parametrize("stamp", ["Feb 30 12:00:00", "Nov 0 12:00:00", "Nov 22 25:00:00", "Nov 22 12:61:00"])
def test_what_is_no_time_is_none(stamp: str) -> None:
    assert when(stamp, at("2026-11-22T18:00:00")) is None


def test_a_year_round_each_day_is_told_by_the_second_after_it() -> None:
    day = datetime(2026, 11, 22, 23, 59, 58, tzinfo=UTC)
    for back in range(363):
        then = day - timedelta(days=back)
        assert when(f"{then:%b %d %H:%M:%S}", day.timestamp()) == then.timestamp()


LINE = "web1 sshd[731]: Accepted password for alice from 192.0.2.7 port 5 ssh2"


@pytest.mark.parametrize(
    ("stamp", "meant"),
    [
        ("2026-11-22T18:00:00+00:00", "2026-11-22T18:00:00"),
        ("2026-11-22T18:00:00Z", "2026-11-22T18:00:00"),
        ("2026-11-22T18:00:00+0800", "2026-11-22T10:00:00"),
        ("2026-11-22T18:00:00.25-03:30", "2026-11-22T21:30:00.25"),
        ("2026-11-22T18:00:00.123456789+08:00", "2026-11-22T10:00:00.123456"),
        ("2026-11-22T18:00:00", "2026-11-22T18:00:00"),
        ("2026-11-22 18:00:00,5", "2026-11-22T18:00:00.5"),
        ("2026-11-22T23:59:60Z", "2026-11-22T23:59:59"),
        ("Nov 22 18:00:00.5", "2026-11-22T18:00:00.5"),
        ("Nov 22 18:00:00 2003", "2003-11-22T18:00:00"),
        ("Nov 22 2003 18:00:00", "2003-11-22T18:00:00"),
        ("Sat Nov 22 18:00:00 2003", "2003-11-22T18:00:00"),
        ("Nov  2 18:00:00", "2026-11-02T18:00:00"),
        ("Nov 02 18:00:00", "2026-11-02T18:00:00"),
    ],
)
def test_each_stamp_is_read(stamp: str, meant: str) -> None:
    now = at("2026-11-22T19:00:00")
    event = parse_line(f"{stamp} {LINE}".encode(), host="", source="auth.log", now=now, zone=UTC)
    assert event is not None
    assert event.time == pytest.approx(at(meant), abs=1e-6)
    assert (event.host, event.program, event.pid, event.user) == ("web1", "sshd", 731, "alice")


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00"])
def test_a_moment_that_cannot_be_is_no_event(stamp: str) -> None:
    assert parse_line(f"{stamp} {LINE}".encode(), host="", source="", now=0.0, zone=UTC) is None


def test_an_event_of_any_zone_is_told_in_utc() -> None:
    line = f"Nov 22 18:00:00 {LINE}".encode()
    now = at("2026-11-22T18:00:00")
    event = parse_line(line, host="", source="", now=now, zone=timezone(timedelta(hours=8)))
    assert event is not None
    assert event.to_json()["time"] == "2026-11-22T10:00:00.000000+00:00"
