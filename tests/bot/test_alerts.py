"""How alerts read, whatever a rule or a host is called."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.bot.language import Catalogues, Locale
from orchestrator.bot.message import CAPTION_LIMIT, Message
from orchestrator.bot.render.alertdigest import digest
from orchestrator.bot.render.alerts import alert, joined
from orchestrator.bot.render.alertwords import WORDS
from orchestrator.bot.render.markup import COLUMNS, shown, units, width
from orchestrator.settings import ChatTarget
from orchestrator.store import Letter
from tests.bot.test_render import FAST, is_sound, locales, nasty

CATALOGUES = Catalogues(UTC)
EN, ZH = CATALOGUES.locale("en"), CATALOGUES.locale("zh_TW")
START = time.time() - 600


def fire(name: str = "AgentHighCPU", host: str = "web1", **how: Any) -> Alert:
    """An alert that fires, by default a busy CPU."""
    labels = how.pop("labels", {})
    usual = {
        "fingerprint": f"{name} {host} {sorted(labels.items())}",
        "name": name,
        "host": host,
        "severity": "warning",
        "labels": {"alertname": name, "host": host, **labels},
        "value": 0.97,
        "threshold": 0.8,
        "unit": "ratio",
        "summary": "all is lost",
        "starts_at": START,
        "metric": "cpu",
    }
    return Alert(**{**usual, **how})


def disk(mount: str, value: float, ends_at: float | None = None) -> Alert:
    labels = {"mountpoint": mount}
    return fire("AgentHighDisk", value=value, threshold=0.9, labels=labels, metric="disk", ends_at=ends_at)


def group(*alerts: Alert, **how: Any) -> AlertGroup:
    return AlertGroup("i1", alerts, **how)


def text(message: Message) -> list[str]:
    return shown(message.html).split("\n")  # type: ignore[arg-type]  # it is


def labels(message: Message) -> list[list[str]]:
    return [[button.label for button in row] for row in message.buttons]


def clock(at: float, locale: Locale = EN) -> str:
    return locale.clock(datetime.fromtimestamp(at, UTC))


def test_one_that_fires() -> None:
    message = alert(group(fire()), EN, known=True)
    assert text(message) == [
        "🟡 AgentHighCPU · web1 · 97%",
        f"over 80% · firing since {clock(START)}",
        "Its processors are busy. Top shows with what.",
    ]
    assert labels(message) == [["Top", "Chart"], ["🔕 1 h", "4 h", "24 h"], ["👤 I look after it"]]
    assert not message.silent


def test_in_chinese() -> None:
    message = alert(group(fire()), ZH, known=True)
    assert text(message) == [
        "🟡 AgentHighCPU · web1 · 97%",
        f"超過 80% · 自 {clock(START)} 起",
        "處理器忙碌。按「程序」看是誰在用。",
    ]


def test_the_end_says_how_long_and_makes_no_sound() -> None:
    message = alert(group(fire(ends_at=START + 485), acked_by="Ann", acked_at=START + 60), EN, known=True)
    assert text(message) == [
        f"✅ AgentHighCPU · web1 · ended {clock(START + 485)}",
        "lasted 8 min 5 s · at last 97%",
        f"👤 Ann looks after it, since {clock(START + 60)}",
    ]
    assert labels(message) == [["Chart"]]
    assert message.silent


def test_whose_threshold_and_how_high() -> None:
    message = alert(group(fire(threshold=0.7)), EN, known=True, origin="group web")
    assert text(message)[1] == f"over 70% (group web) · firing since {clock(START)}"
    assert text(alert(group(fire()), ZH, known=True, origin="host web1"))[1].startswith("超過 80% (")
    ended = alert(group(fire(ends_at=START + 480)), EN, known=True, origin="group web", peak=0.994)
    assert text(ended)[1] == "lasted 8 min 0 s · peak 99%"


def test_more_of_the_same() -> None:
    message = joined((disk("/var", 0.93), disk("/srv", 0.91)), EN)
    assert text(message) == ["🟡 AgentHighDisk · web1 · also /var 93%, /srv 91%"]
    assert not message.silent
    assert joined((disk("/var", 0.93),), EN, quiet=True).silent
    assert text(joined((disk("/var", 0.93),), ZH)) == ["🟡 AgentHighDisk · web1 · 還有 /var 93%"]


def test_taken_on_and_muted() -> None:
    taken = group(fire(), acked_by="Ann", acked_at=START, silence="s1", silenced_until=START + 3600)
    message = alert(taken, EN, known=True)
    assert text(message)[3:] == [
        f"👤 Ann looks after it, since {clock(START)}",
        f"🔕 muted until {clock(START + 3600)}",
    ]
    assert labels(message) == [["Top", "Chart"], ["🔔 Undo mute"]]


def test_several_places_of_a_host_are_a_table() -> None:
    message = alert(group(disk("/var", 0.93), disk("/", 0.97), disk("/srv", 0.91, START + 30)), EN, known=True)
    assert text(message)[0] == "🟡 AgentHighDisk · web1 · 2 places · 97%"
    assert text(message)[3:] == ["🟡 /    97%", "🟡 /var 93%", "✅ /srv 91%"]
    assert text(alert(group(disk("/var", 0.93)), EN, known=True))[0] == "🟡 AgentHighDisk · web1 · /var · 93%"


def test_a_place_that_came_again_is_one_line() -> None:
    again = group(disk("/var", 0.93, START + 30), disk("/", 0.97), disk("/var", 0.95))
    assert text(alert(again, EN, known=True))[3:] == ["🟡 /    97%", "🟡 /var 95%"]


@pytest.mark.parametrize(
    ("unit", "value", "threshold", "read", "beyond"),
    [
        ("ratio", 0.004, 0.01, "0.4%", "under 1%"),
        ("seconds", 18000, 86400, "5 h", "under 24 h"),
        ("seconds", -12.4, 5, "-12 s", "over 5 s"),
        ("seconds", 2.5, 2, "2.5 s", "over 2 s"),
        ("per_core", 4.31, 2, "4.3 per core", "over 2 per core"),
        ("bytes", 3 << 30, 1 << 30, "3.0 GiB", "over 1.0 GiB"),
        ("count", 3, 0, "3", ""),
        ("", 3.14159, None, "3.142", ""),
    ],
)
def test_values_read_as_people_say_them(
    unit: str, value: float, threshold: float | None, read: str, beyond: str
) -> None:
    first, second, *_ = text(alert(group(fire(value=value, threshold=threshold, unit=unit)), EN, known=True))
    assert first == f"🟡 AgentHighCPU · web1 · {read}"
    assert second.partition(" · firing")[0] == beyond or (not beyond and second.startswith("firing since"))


def test_sound_by_severity_and_hour() -> None:
    for severity, quiet, silent in (
        ("critical", False, False),
        ("critical", True, False),
        ("warning", False, False),
        ("warning", True, True),
        ("info", False, True),
    ):
        assert alert(group(fire(severity=severity)), EN, known=True, quiet=quiet).silent is silent


def test_what_cannot_be_looked_at_has_no_buttons_for_it() -> None:
    assert labels(alert(group(fire(host="nowhere")), EN, known=False))[0] == ["🔕 1 h", "4 h", "24 h"]
    assert labels(alert(group(fire(metric="")), EN, known=True))[0] == ["🔕 1 h", "4 h", "24 h"]


def test_rules_of_somebody_elses_say_what_they_say() -> None:
    message = alert(group(fire("TheirRule", value=None, threshold=None, summary="Coffee is out")), EN, known=True)
    assert text(message)[0] == "🟡 TheirRule · web1"
    assert text(message)[2] == "Coffee is out"


@pytest.mark.parametrize("locale", [EN, ZH], ids=["en", "zh"])
@pytest.mark.parametrize("name", WORDS)
def test_our_own_words_fit_a_phone(name: str, locale: Locale) -> None:
    words = text(alert(group(fire(name)), locale, known=True))[2]
    assert width(words) <= 3 * COLUMNS
    assert words != "all is lost"


@FAST
@given(nasty, nasty, nasty, nasty, st.floats(allow_nan=False, allow_infinity=False), locales)
def test_any_label_is_only_text(name: str, host: str, mount: str, who: str, value: float, locale: Locale) -> None:
    alerts = [
        fire(name, host, labels={"mountpoint": f"{mount}{n}"}, value=value, summary=mount, unit=unit)
        for n, unit in enumerate(["ratio", "seconds", "bytes", "per_core", "odd"])
    ]
    taken = group(*alerts, acked_by=who, acked_at=START)
    is_sound(alert(taken, locale, known=True))
    is_sound(alert(group(*(fire(name, host, ends_at=START) for _ in range(2))), locale, known=False))
    is_sound(digest([letter(1, taken)], locale))


def letter(number: int, incident: AlertGroup, late: float = 0.0) -> Letter:
    """The letter of an incident."""
    at = datetime.fromtimestamp(time.time() - late, UTC)
    return Letter(number, "alert", incident.to_json(), ChatTarget(1), at, 0, 0.0, f"alert {incident.id}")


def crowd() -> list[Letter]:
    incidents = [
        *(AlertGroup(f"d{n}", (fire("AgentDown", f"web{n}", severity="critical", value=None),)) for n in range(300)),
        *(AlertGroup(f"c{n}", (fire(host=f"db{n}"),)) for n in range(180)),
        *(AlertGroup(f"e{n}", (fire("HighLoad", f"db{n}", ends_at=START + 4),)) for n in range(20)),
    ]
    return [letter(n, incident) for n, incident in enumerate(incidents)]


def test_many_are_counted_and_folded_the_worst_first() -> None:
    message = digest(crowd(), EN)
    assert text(message) == [
        "🔴 480 alerts · 480 hosts · 20 over already",
        "🔴 300 × AgentDown · web[0-299]",
        "🟡 180 × AgentHighCPU · db[0-179]",
        "✅ 20 × HighLoad · db[0-19]",
        "Each of them is in the file.",
    ]
    assert not message.silent
    assert message.document
    rows = message.document.content.decode().splitlines()
    assert len(rows) == 500
    assert rows[0].startswith("firing\tcritical\tAgentDown\tweb0\t")


def test_many_that_ended_make_no_sound() -> None:
    message = digest(crowd()[-20:], ZH)
    assert text(message)[0] == "✅ 20 則警報已結束"
    assert message.silent


def test_of_a_thread_the_newest_counts() -> None:
    begun = AlertGroup("a", (fire(),))
    ended = AlertGroup("a", (fire(ends_at=START + 1),))
    assert text(digest([letter(2, ended), letter(1, begun)], EN))[0] == "✅ 1 alert has ended"


def test_a_digest_of_anything_fits_under_a_file() -> None:
    letters = [
        letter(n, AlertGroup(f"i{n}", (fire(f"{'Name' * 20}{n}", f"{'h' * 250}-{n}.example"),))) for n in range(600)
    ]
    for locale in (EN, ZH):
        message = digest(letters, locale)
        is_sound(message)
        assert units("\n".join(text(message))) <= CAPTION_LIMIT - 150, "room for the notes that come under it"
