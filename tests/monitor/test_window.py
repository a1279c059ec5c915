"""The words about time that come after an agent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.monitor.window import Window, parse, split

TAIPEI = ZoneInfo("Asia/Taipei")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("text", "agent", "times"),
    [
        ("", "", ()),
        ("web1", "web1", ()),
        ("30", "", ("30",)),
        ("web1 30", "web1", ("30",)),
        ("0930 10", "", ("0930", "10")),
        ("web1 0930 10", "web1", ("0930", "10")),
        ("web1 9:30 10", "web1", ("9:30", "10")),
        ("7 0930 10", "7", ("0930", "10")),  # a host may be called that
        ("10.0.0.1:9100 5", "10.0.0.1:9100", ("5",)),
        ("web:&prod", "web:&prod", ()),
    ],
)
def test_agent_and_times_are_told_apart(text: str, agent: str, times: tuple[str, ...]) -> None:
    assert split(text.split()) == (agent, times)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ((), NOON - timedelta(minutes=5), NOON),
        (("30",), NOON - timedelta(minutes=30), NOON),
        (("1440",), NOON - timedelta(days=1), NOON),
        (("0930", "10"), datetime(2026, 11, 22, 9, 20, tzinfo=TAIPEI), datetime(2026, 11, 22, 9, 40, tzinfo=TAIPEI)),
        (("9:30", "10"), datetime(2026, 11, 22, 9, 20, tzinfo=TAIPEI), datetime(2026, 11, 22, 9, 40, tzinfo=TAIPEI)),
        (("1200", "10"), datetime(2026, 11, 22, 11, 50, tzinfo=TAIPEI), NOON),  # nothing is known of the future
        (("1201", "1"), datetime(2026, 11, 21, 12, 0, tzinfo=TAIPEI), datetime(2026, 11, 21, 12, 2, tzinfo=TAIPEI)),
        (("0000", "5"), datetime(2026, 11, 21, 23, 55, tzinfo=TAIPEI), datetime(2026, 11, 22, 0, 5, tzinfo=TAIPEI)),
    ],
)
def test_windows(words: tuple[str, ...], start: datetime, end: datetime) -> None:
    assert parse(words, NOON.astimezone(UTC), TAIPEI) == Window(int(start.timestamp()), int(end.timestamp()))


def test_yesterday_is_a_day_of_the_calendar() -> None:
    # At 01:30 on the day after the clocks went back (25 October 2026, 03:00 to 02:00), 14:00 is 13 hours behind.
    now = datetime(2026, 10, 26, 1, 30, tzinfo=BERLIN)
    assert parse(("1400", "5"), now, BERLIN).start == datetime(2026, 10, 25, 13, 55, tzinfo=BERLIN).timestamp()
    # And on the evening before, yesterday's 23:00 was in summer time.
    now = datetime(2026, 10, 25, 22, 0, tzinfo=BERLIN)
    assert parse(("2300", "5"), now, BERLIN).start == datetime(2026, 10, 24, 22, 55, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    "words", [("0",), ("44641",), ("9:30",), ("2400", "5"), ("0960", "5"), ("9", "5"), ("0930", "0"), ("0930", "12:00")]
)
def test_what_is_no_time(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="is not a"):
        parse(words, NOON, TAIPEI)


def test_two_agents_are_one_too_many() -> None:
    with pytest.raises(UsageError, match="web1 web2 is not one agent"):
        split(["web1", "web2", "5"])


@given(st.lists(st.text(max_size=8), max_size=5))
def test_any_words_are_taken_or_refused(words: list[str]) -> None:
    try:
        agent, times = split(words)
        window = parse(times, NOON, TAIPEI)
    except UsageError:
        return
    assert agent in ("", *words)
    assert window.start < window.end <= NOON.timestamp()
    assert window.step >= 15
