"""/mon_* without a Prometheus, and the words around readings of many hosts. tests/telegram/test_monitoring has one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.alerts.thresholds import Threshold
from orchestrator.bot.language import Catalogues
from orchestrator.bot.message import CAPTION_LIMIT, TEXT_LIMIT
from orchestrator.bot.render import readings as render
from orchestrator.bot.render.markup import COLUMNS, Html, length, shown, width
from orchestrator.bot.render.readings import View
from orchestrator.inventory import HostSet
from orchestrator.monitor.query import Metric, Reading, Series
from orchestrator.monitor.window import Window
from orchestrator.readings import History, Now
from tests.bot.conftest import Node

BOTH = pytest.mark.parametrize("language", ["en", "zh_TW"])
WINDOW = Window(1_795_000_000, 1_795_003_600)


@BOTH
async def test_without_prometheus_the_host_itself_is_asked(node: Node, language: str) -> None:
    person = node.person(language=language)
    for command in ("/mon_cpu web1", "/mon_mem web1", "/mon_disk web1"):
        answer = await person.say(command)
        assert answer.first_line.startswith(("🟢", "🟡"))
        assert answer.first_line.endswith("%")
        reason = (
            "Prometheus gives no answer: connection refused" if language == "en" else "Prometheus 沒有回應：連線被拒"
        )
        assert reason in answer.text
        assert (node.catalogues.gettext(language, "Top") in answer.labels) is ("disk" not in command)
    await person.tap("↻")
    assert person.last is answer
    many = await person.say("/mon_cpu all")
    assert many.text.count("%") == 3
    assert "db1" in many.text
    assert max(width(line) for line in many.text.splitlines()[1:-1]) <= COLUMNS


@BOTH
async def test_without_prometheus_there_is_no_chart(node: Node, language: str) -> None:
    answer = await node.person(language=language).say("/mon_cpu_picture web1 30")
    assert answer.now.picture is None
    assert answer.first_line.startswith("⛔")
    assert "http" not in answer.text, "an address is no help"
    assert "/status" in answer.text
    assert not answer.now.silent


@BOTH
@pytest.mark.parametrize("text", ["web9", "web1 0", "web1 9999 5", "web1 web2 5", "web1 44641"])
async def test_what_makes_no_sense(node: Node, text: str, language: str) -> None:
    answer = await node.person(language=language).say(f"/mon_cpu_picture {text}")
    assert answer.first_line.startswith("❔")


async def test_every_look_is_audited(node: Node) -> None:
    await node.person().say("/mon_cpu web1")
    intent, result = sorted(await node.audit.latest(2), key=lambda row: row.seq)
    assert (intent.action, result.action) == ("show_metric", "show_metric")


def test_a_load_is_no_percentage() -> None:
    locale = Catalogues().locale("en")
    series = Series("web1", ((WINDOW.start, 0.25), (WINDOW.end, 2.4)))
    history = History((series,), {}, limits={"web1": Threshold(2.0, "default")})
    view = View(Metric.LOAD, "web1", WINDOW)
    assert [limit.label for limit in render.chart(view, history, locale, dark=False).limits] == ["2"]
    told = shown(Html(render.picture(view, history, b"", locale).html)).splitlines()
    assert told[:2] == ["📈 Load per core · web1 · 2.4", "last 2.4 · average 1.32 · highest 2.4"]


@BOTH
def test_many_hosts_fit_into_a_message(language: str) -> None:
    locale = Catalogues().locale(language)
    found = [Now(f"host-with-a-long-name-{n}", (Reading(n / 500, "/very/long/mount/point"),)) for n in range(500)]
    found += [Now(f"silent{n}", why="no answer within 12 s") for n in range(30)]
    message = render.now(Metric.DISK, "all", found, datetime.now(UTC), locale)
    text = shown(Html(message.html))
    assert length(Html(message.html)) <= TEXT_LIMIT
    assert "530" in text.splitlines()[0]
    assert "490" in text, "that many are left out"
    assert "silent29" in text, "those without a reading come first"
    assert "100%" in text, "then the fullest"
    assert max(width(line) for line in text.splitlines()[1:]) <= COLUMNS


@BOTH
def test_a_caption_fits_under_its_picture(language: str) -> None:
    locale = Catalogues().locale(language)
    series = tuple(Series(f"host-with-a-long-name-{n}", ((WINDOW.start, 0.5), (WINDOW.end, 0.7))) for n in range(100))
    missing = {f"silent{n}": f"no answer within {n} s" for n in range(300)}
    view = View(Metric.CPU, "x" * 300, WINDOW, 60)
    message = render.picture(view, History(series, missing), b"png", locale)
    assert length(Html(message.html)) <= CAPTION_LIMIT
    assert message.picture
    assert [button.label[0] for row in message.buttons for button in row] == ["•", "6", "2", "7", "↻", "◐"]
    assert length(Html(render.nothing(view, History((), missing), locale).html)) <= TEXT_LIMIT


@BOTH
def test_what_a_host_calls_its_disks_is_data(language: str) -> None:
    locale = Catalogues().locale(language)
    evil = "/a\n🟢 web2 0%\x1b[2J</pre><b>\u202e"
    found = [Now("web1", (Reading(0.95, evil),)), Now("db1", (Reading(0.1, evil),))]
    for shown_hosts in (found, found[:1]):
        message = render.now(Metric.DISK, "all", shown_hosts, datetime.now(UTC), locale)
        lines = shown(Html(message.html)).splitlines()
        assert not any(line.startswith("🟢 web2") for line in lines)
        assert "\x1b" not in message.html
        assert "<b>\u202e" not in message.html
    series = (Series("web1", ((WINDOW.start, 0.5),), evil), Series("web1", ((WINDOW.start, 0.4),), "/"))
    view = View(Metric.DISK, "web1", WINDOW, 60)
    drawn = render.chart(view, History(series, {}), locale, dark=False)
    assert "\n" not in drawn.lines[0].name
    assert "</pre><b>" not in render.picture(view, History(series, {}), b"png", locale).html


async def test_buttons_of_hosts_that_are_gone_say_so(node: Node) -> None:
    person = node.person()
    await person.say("/mon_cpu web1")
    node.inventory = type(node.inventory)(HostSet(), node.inventory.groups)
    await person.tap("↻")
    assert "web1 is not in the inventory" in person.last.text
