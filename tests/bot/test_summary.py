"""The daily summary: when it is due, that it is told once, and what it says."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Catalogues
from orchestrator.bot.loginsources import LoginSources
from orchestrator.bot.render.markup import Html, shown
from orchestrator.bot.summarytelling import SummaryTelling
from orchestrator.monitor.charts import Charts
from orchestrator.monitor.query import Metrics
from orchestrator.readings import Readings
from orchestrator.store import Outbox
from orchestrator.summary import Schedule, Summaries, due
from tests.bot.conftest import Node
from tests.monitor.history import Story, remembering

TAIPEI = ZoneInfo("Asia/Taipei")
NEW_YORK = ZoneInfo("America/New_York")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = pytest.mark.parametrize("language", ["en", "zh_TW"])


def local(text: str, zone: ZoneInfo = TAIPEI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("clock", "now", "day"),
    [
        (time(8), "2026-11-22 07:59:59", None),
        (time(8), "2026-11-22 08:00:00", "2026-11-22"),
        (time(8), "2026-11-22 14:00:00", "2026-11-22"),
        (time(8), "2026-11-22 14:00:01", None),
        (time(23, 30), "2026-11-22 23:30:00", "2026-11-22"),
        (time(23, 30), "2026-11-23 02:00:00", "2026-11-22"),  # late, over midnight
        (time(0), "2026-11-22 00:00:00", "2026-11-22"),
    ],
)
def test_when_it_is_due(clock: time, now: str, day: str | None) -> None:
    found = due(Schedule(clock, LONG_AGO), local(now), TAIPEI)
    assert (found.isoformat() if found else None) == day


@pytest.mark.parametrize("clock", [time(1, 30), time(2, 30), time(3, 0), time(12), time(23, 59), time(0, 0)])
@pytest.mark.parametrize("begin", ["2026-03-06 12:00", "2026-10-30 12:00"])  # the clocks change on the 8th, on the 1st
def test_once_a_day_whatever_clocks_do(clock: time, begin: str) -> None:
    now, told = local(begin, NEW_YORK), []
    for _ in range(6 * 24 * 6):
        now += timedelta(minutes=10)
        if day := due(Schedule(clock, LONG_AGO), now, NEW_YORK):
            told.append(day)
    days = sorted(set(told))
    assert all(after - before == timedelta(days=1) for before, after in itertools.pairwise(days))
    assert len(days) >= 6


def test_an_hour_that_has_passed_when_it_is_chosen_is_tomorrows() -> None:
    chosen = Schedule(time(8), local("2026-11-22 09:00"))
    assert due(chosen, local("2026-11-22 09:01"), TAIPEI) is None
    assert due(chosen, local("2026-11-23 08:00"), TAIPEI) is not None


async def test_told_once_over_restarts_and_hours(node: Node) -> None:
    now = local("2026-11-22 07:00")

    def again() -> Summaries:
        return Summaries(node.database, node.outbox, TAIPEI, now=lambda: now)

    summaries = again()
    assert not await summaries.tell(), "nobody asked for it"
    await summaries.set(time(8))
    now = local("2026-11-22 08:10")
    assert await summaries.tell()
    assert not await summaries.tell()
    assert not await again().tell(), "after a restart"
    await again().set(time(8, 20))
    now = local("2026-11-22 08:30")
    assert not await again().tell(), "once a day, though the hour was changed"
    now = local("2026-11-23 11:00")
    assert await again().tell(), "late"
    await again().set(None)
    now = local("2026-11-24 08:20")
    assert not await again().tell()
    letters = await Outbox(node.database).since(0)
    assert [letter.kind for letter in letters] == ["summary", "summary"]
    assert letters[1].payload == {"at": local("2026-11-23 11:00").timestamp(), "alerts": 0}


@BOTH
async def test_the_hour_is_set_in_the_chat(node: Node, language: str) -> None:
    person, words = node.person(language=language), Catalogues().locale(language).gettext
    assert words("There is no daily summary") in (await person.say("/summary")).first_line
    assert "08:30" in (await person.say("/summary 0830")).first_line
    for text in ("/summary 2500", "/summary soon", "/summary 08 30"):
        answer = await person.say(text)
        assert answer.first_line.startswith("❔")
        assert "0800" in answer.text
    node.restart()
    assert "08:30" in (await person.say("/summary")).first_line
    assert words("There is no daily summary") in (await person.say("/summary off")).first_line
    assert [row.action for row in await node.audit.latest(1)] == ["set_summary"]


@BOTH
async def test_what_it_says(node: Node, tmp_path: Path, language: str) -> None:
    stories = [Story("web1"), Story("web2", memory=0.93), Story("web3", away=(2, -1))]
    locale = node.catalogues.locale(language)
    async with remembering(tmp_path / "prometheus", stories) as client:
        readings = Readings(Metrics(client), node.fleet, node.pool.state)
        logins = LoginSources.of(node.database, lambda: node.followed)
        easel = Easel(node.charts, node.preferences, node.catalogues)
        telling = SummaryTelling(lambda: node.inventory, readings, easel, logins)
        message = await telling.compose(datetime.now(UTC), 3, "telegram:1", locale)
        assert message.picture
        lines = shown(Html(message.html)).splitlines()
        assert lines[0].startswith("🗓 4")
        assert "3" in lines[1]
        assert lines[2].startswith("🟡 web2")
        assert {line[:6] for line in lines[3:5]} == {"⚪ web3", "⚪ db1 "}

        broken = Charts()
        broken.close()
        easel = Easel(broken, node.preferences, node.catalogues)
        telling = SummaryTelling(lambda: node.inventory, readings, easel, logins)
        words = await telling.compose(datetime.now(UTC), 3, "telegram:1", locale)
        assert words.picture is None
        assert shown(Html(words.html)).splitlines()[0] == lines[0]

    # Without Prometheus nothing is said to be well.
    person = node.person(language=language)
    await person.say("/summary")
    await person.tap(locale.gettext("Show it now"))
    assert person.last.now.picture is None
    assert " 0 " in person.last.first_line
    assert "Prometheus" in person.last.text
