"""How long and from when."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestrator.alerts.times import beginning, duration
from orchestrator.errors import UsageError

TAIPEI = ZoneInfo("Asia/Taipei")
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)  # 20:30 there


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), (" 30M ", 1800), ("2h", 7200), ("1h30m", 5400), ("1w", 604800), ("90d", 7776000)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "0m", "91d", "-2h", "2 h", "1.5h", "２h", "1h1", "9999999m"])
def test_no_durations(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("22:00", "2026-03-01T14:00"),
        ("2200", "2026-03-01T14:00"),
        ("8:05", "2026-03-02T00:05"),  # tomorrow's
        ("20:30", "2026-03-02T12:30"),
        ("2026-12-31 23:59", "2026-12-31T15:59"),
        ("2026-12-31T23:59", "2026-12-31T15:59"),
    ],
)
def test_beginnings(text: str, at: str) -> None:
    assert beginning(text, NOW, TAIPEI) == datetime.fromisoformat(at).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "24:00", "1:60", "soon", "2026-02-30 12:00", "2026-02-28 12:00", "0000-01-01 00:00"]
)
def test_no_beginnings(text: str) -> None:
    with pytest.raises(UsageError):
        beginning(text, NOW, TAIPEI)
