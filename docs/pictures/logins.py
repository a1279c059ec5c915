"""What the pictures of logins are made from: weeks of lines of auth.log, read into a database and counted there by the
program's own parts.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestrator.bot.drawing import Painter
from orchestrator.bot.render.loginpictures import Asked, Counted, Kind
from orchestrator.store.loginfigures import LoginFigures
from tests.logins.desk import Desk, came, desk_in, failed

ZONE = ZoneInfo("Asia/Taipei")
NOW = datetime.now(ZONE)
WEEKS = 4
ASKED = (
    ("logins", Asked(Kind.CHART, 7, "", NOW)),
    ("week", Asked(Kind.WEEK, 7 * WEEKS, "", NOW)),
)


def lines_of(day: datetime, chance: random.Random) -> Iterator[tuple[datetime, str]]:
    """A day's lines and when each came: people at work, a backup by night, and those who only try."""
    people = ("ann", "ben", "mei") if day.weekday() < 5 else ("ann",)
    for number, user in enumerate(people):
        for _ in range(chance.randrange(1, 5) if day.weekday() < 5 else chance.randrange(2)):
            at = day + timedelta(hours=min(20.0, max(8.0, chance.gauss(11.5 if chance.random() < 0.6 else 15.5, 1.4))))
            yield at, came(user, f"192.0.2.{7 + number}", chance.randrange(300, 30000), chance.randrange(40000, 60000))
    yield day + timedelta(hours=3, minutes=10), came("backup", "192.0.2.40", chance.randrange(300, 30000))
    for _ in range(chance.randrange(20, 60)):
        address = f"198.51.100.{chance.randrange(1, 250)}"
        yield day + timedelta(hours=24 * chance.random() ** 1.3), failed(chance.choice(("root", "admin")), address)
    if day.weekday() == 2:
        for second in range(180):
            yield day + timedelta(hours=2, seconds=second * 20), failed("root", "203.0.113.9")


async def remember(desk: Desk) -> None:
    """Read the weeks, each line at its time."""
    chance = random.Random(4)
    today = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (today - timedelta(days=back) for back in range(7 * WEEKS, -1, -1))
    for at, line in sorted(each for day in days for each in lines_of(day, chance)):
        if at < NOW:
            desk.now = at.timestamp()
            await desk.read(line)


async def painters() -> dict[str, Painter]:
    """What is drawn, by the name of its file."""
    found: dict[str, Painter] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with desk_in(Path(folder)) as desk:
            await remember(desk)
            figures = LoginFigures(desk.database)
            for name, asked in ASKED:
                span = asked.span(ZONE)
                buckets = await figures.buckets(None, span.start, span.end, span.width)
                found[name] = Counted(asked, span, buckets).picture
    return found
