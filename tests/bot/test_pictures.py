"""Pictures of a fleet behind buttons, from a real Prometheus with a day of series."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from orchestrator.alerts.thresholds import Threshold
from orchestrator.bot.language import Catalogues
from orchestrator.bot.message import CAPTION_LIMIT
from orchestrator.bot.render import pictures as render
from orchestrator.bot.render.kinds import Kind
from orchestrator.bot.render.markup import Html, length, shown
from orchestrator.bot.render.pictures import Asked
from orchestrator.monitor.charts import Mark, draw
from orchestrator.monitor.query import Metric, Metrics, Reading, Series
from orchestrator.monitor.window import Window
from orchestrator.readings import Course, Now
from orchestrator.ssh.state import HostState, Phase
from tests.bot.conftest import Node
from tests.bot.person import Shown
from tests.monitor.history import Story, remembering

BOTH = pytest.mark.parametrize("language", ["en", "zh_TW"])
STORIES = (
    Story("web1", cpu=0.9, swing=0.02, fired=(("AgentHighCPU", 20, 1),)),
    Story("web2", cpu=0.3, disks=(0.97, 0.1)),
    Story("web3", cpu=0.1, away=(9, 7)),
    Story("db1", cpu=0.5, away=(3, -1)),
)


@pytest.fixture
async def past(node: Node, tmp_path: Path) -> AsyncIterator[Node]:
    """The node of these tests with a Prometheus that remembers a day."""
    async with remembering(tmp_path / "prometheus", STORIES) as client:
        node.metrics = Metrics(client)
        node.restart()
        yield node


def picture(item: Shown) -> Image.Image:
    assert item.now.picture
    return Image.open(io.BytesIO(item.now.picture.content)).convert("RGB")


@BOTH
async def test_every_kind_is_reached_and_changed_in_place(past: Node, language: str) -> None:
    person = past.person(language=language)
    words = Catalogues().locale(language).gettext
    value = await person.say("/mon_cpu all")
    assert value.labels[5:] == [words("Heat map"), words("Spread"), words("Card")]

    await person.tap(words("Heat map"), on=value)
    heat = person.last
    assert heat is not value, "a text cannot become a picture"
    assert heat.first_line.startswith("🗺 CPU")
    assert "web1 9" in heat.text.splitlines()[1], "the busiest first"
    assert heat.labels == ["• " + words("24 h"), words("7 d"), "↻", "◐"]
    light = picture(heat)
    await person.tap("◐", on=heat)
    assert person.last is heat
    assert picture(heat).getpixel((2, 2)) != light.getpixel((2, 2))
    await person.tap(words("7 d"), on=heat)
    assert "• " + words("7 d") in heat.labels

    await person.tap(words("Spread"), on=value)
    assert person.last.first_line.startswith("📊 CPU")
    assert "web1" in person.last.text
    assert "db1" in person.last.text, "it has no value, and that is said"
    assert picture(person.last).getpixel((2, 2)) == picture(heat).getpixel((2, 2)), "dark is remembered"

    disks = await person.say("/mon_disk web2")
    await person.tap(words("Disks"), on=disks)
    assert person.last.first_line.startswith("💽")
    assert "97%" in person.last.first_line

    agents = await person.say("/agents")
    await person.tap(words("Card"), on=agents)
    card = person.last
    assert card.first_line.startswith("🖥 4")
    assert [line[0] for line in card.text.splitlines()[1:4]] == ["🔴", "🟡", "🟡"]
    assert "db1" in card.text.splitlines()[1]
    assert card.labels == ["• " + words("24 h"), words("7 d"), "↻", "◐"]

    # The line chart draws what fired.
    chart = await person.say("/mon_cpu_picture web1 600")
    faint = picture(chart)
    await person.say("/mon_cpu_picture web2 600")
    assert picture(person.last).getpixel((400, 200)) != faint.getpixel((400, 200)), "shaded while the alert fired"

    # One that is nearly empty says since when there is data.
    since = words("Data since {time}.").format(time="20")[:12]
    assert since not in chart.text
    assert since.split("20")[0] in (await person.say("/mon_cpu_picture web1 10080")).text


@BOTH
async def test_without_prometheus(node: Node, language: str) -> None:
    person = node.person(language=language)
    agents = await person.say("/agents")
    await person.tap(Catalogues().locale(language).gettext("Card"), on=agents)
    assert person.last.first_line.startswith("⛔ Prometheus")
    assert "http" not in person.last.text
    value = await person.say("/mon_mem all")
    await person.tap(Catalogues().locale(language).gettext("Spread"), on=value)
    assert person.last.now.picture, "the hosts themselves say it"


@BOTH
def test_captions_of_large_fleets_fit(language: str) -> None:
    locale, now = Catalogues(ZoneInfo("Asia/Taipei")).locale(language), datetime.now(UTC)
    evil = "/a\n🟢 web2 0%</pre><b>\u202e"
    found = [Now(f"host-with-a-long-name-{n}", (Reading(n / 500, evil),), limit=0.9) for n in range(500)]
    found += [Now(f"silent{n}", why=f"no answer within {n} s") for n in range(300)]
    asked = Asked(Kind.BARS, Metric.DISK, "x" * 300, now)
    courses = [course(f"host-with-a-long-name-{n}", n / 500) for n in range(500)]
    for message in (
        render.bars_message(asked, found, b"", locale),
        render.spread_message(asked, found, b"", locale),
        render.card_message(asked, courses, b"", locale),
    ):
        assert length(Html(message.html)) <= CAPTION_LIMIT
        assert "</pre><b>" not in message.html
        assert not any(line.startswith("🟢 web2") for line in shown(Html(message.html)).splitlines())
    window, cell = render.grid(1440, now, locale.zone)
    heat = render.heat(asked, courses, window, cell, locale, dark=False)
    assert len(heat.rows) == 40
    assert heat.rows[-1].name.endswith("499"), "the highest are kept, in their order"
    for drawn in (
        heat,
        render.bars(asked, found, locale, dark=True),
        render.spread(asked, found, locale, dark=True),
        render.card(courses, Window.last(1440, now), locale, dark=False),
    ):
        assert Image.open(io.BytesIO(draw(drawn))).size[0] == 1280


def course(name: str, value: float | None, phase: Phase = Phase.UP, reason: str = "") -> Course:
    now = int(datetime.now(UTC).timestamp())
    points = ((now - 7200, 0.5), (now - 3600, 0.5)) + (((now, value),) if value is not None else ())
    values = {} if value is None else dict.fromkeys(Metric, value)
    limits = dict.fromkeys(Metric, Threshold(0.8, "default"))
    series = {metric: Series(name, points, "/") for metric in Metric}
    return Course(name, series, values, limits, HostState.now(phase, reason), reason)


@pytest.mark.parametrize(
    ("given", "mark"),
    [
        (course("a", 0.79), Mark.UP),
        (course("a", 0.8), Mark.WARNING),
        (course("a", None), Mark.UNKNOWN),
        (course("a", None, Phase.BACKOFF, "no route to host"), Mark.DOWN),
        (course("a", None, Phase.CONNECTING, "no route to host"), Mark.DOWN),
        (course("a", None, Phase.PARKED, "host key changed"), Mark.DOWN),
        (course("a", None, Phase.DOWN), Mark.UNKNOWN),
    ],
)
def test_what_is_not_known_is_not_well(given: Course, mark: Mark) -> None:
    assert render.mark(given) is mark


def test_the_worst_come_first() -> None:
    fleet = [course("well", 0.2), course("high", 0.9), course("higher", 0.99), course("gone", None, Phase.BACKOFF, "x")]
    assert [each.host for each in render.worst_first(fleet)] == ["gone", "higher", "high", "well"]
    locale = Catalogues().locale("en")
    assert render.summary(fleet, locale) == "4 hosts · 1 up · 1 down · 2 warnings"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Taipei", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("minutes", [1440, 10080])
def test_cells_begin_at_full_hours_of_the_reader(zone: str, minutes: int) -> None:
    for minute in (0, 1, 29, 30, 59):
        now = datetime(2026, 11, 22, 13, minute, tzinfo=ZoneInfo(zone))
        window, cell = render.grid(minutes, now, ZoneInfo(zone))
        start = datetime.fromtimestamp(window.start, ZoneInfo(zone))
        assert (start.minute, start.hour % (cell // 3600)) == (0, 0)
        assert window.end - cell <= now.timestamp() < window.end
