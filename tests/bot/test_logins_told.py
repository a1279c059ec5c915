"""How logins read in the chat, whatever a stranger calls himself."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bot.language import Catalogues, Locale
from orchestrator.bot.message import CAPTION_LIMIT, Message
from orchestrator.bot.render.logincrowd import of_episodes, of_logins
from orchestrator.bot.render.loginepisodes import episode
from orchestrator.bot.render.logins import login
from orchestrator.bot.render.markup import Html, length, shown, width
from orchestrator.settings import ChatTarget
from orchestrator.store import Letter
from orchestrator.store.loginepisodes import EpisodeRow
from orchestrator.store.loginsessions import SessionRow
from tests.bot.test_render import FAST, is_sound, locales, nasty

CATALOGUES = Catalogues(UTC)
EN, ZH = CATALOGUES.locale("en"), CATALOGUES.locale("zh_TW")
START = datetime.now(UTC).replace(hour=14, minute=2, second=11, microsecond=0).timestamp()
ROW = SessionRow(
    "db1", "root", "203.0.113.9", START, 52144, "publickey", "ED25519 SHA256:Jf0ljS/m1gZFkbDSZUuU1tXfyTQCnJ9L3oC4",
    first="address", verified=True, source="journal", pid=731, id=1, told=True,
)  # fmt: skip
TRIES = EpisodeRow(
    "web1", "failures", "198.51.100.7", START, START + 1020, 143, 40,
    {"root": 90, "admin": 31, "a": 2, "b": 2, "c": 1, "d": 0}, told=True, id=2,
)  # fmt: skip


def text(message: Message) -> str:
    return shown(Html(message.html))


def labels(message: Message) -> list[str]:
    return [button.label for row in message.buttons for button in row]


def letters(*rows: SessionRow | EpisodeRow) -> list[Letter]:
    return [
        Letter(number, "", asdict(row), ChatTarget(1), datetime.now(UTC), 0, 0, thread=str(number))
        for number, row in enumerate(rows)
    ]


def test_a_login() -> None:
    message = login(ROW, EN, known=True)
    assert text(message) == (
        "🔑 root logged in to db1\nfrom 203.0.113.9 · new address\npublickey SHA256:Jf0ljS/m1gZ… · 14:02:11 +00"
    )
    assert labels(message) == ["Who is on", "Last logins", "✖ End session", "⛔ Block address"]
    assert not message.silent
    ended = replace(ROW, ended_at=START + 754, ending="closed", comment="laptop", reverse="l.example", verified=False)
    assert text(login(ended, EN, known=True)).splitlines()[1:] == [
        "from 203.0.113.9 (l.example) · new address",
        "publickey SHA256:Jf0ljS/m1gZ… “laptop” · 14:02:11 +00 · not verified (journal)",
        "⏹ session ended after 12 min 34 s",
    ]
    assert "⏹ ended, nobody saw when" in text(login(replace(ended, ending="unknown"), EN, known=True))
    left = text(login(replace(ended, ending="left"), EN, known=False)).splitlines()[-1]
    assert left == "⏹ not known since 14:14:45 +00: the host left the inventory"
    claimed = replace(ROW, claimed_at=START + 754)
    assert text(login(claimed, EN, known=True)).splitlines()[3:] == [
        "⏹ session ended after 12 min 34 s, says an unverified line"
    ]
    assert "未經驗證" in text(login(claimed, ZH, known=True))
    assert "✖ End session" in labels(login(claimed, EN, known=True))
    over = replace(claimed, ended_at=START + 9999, ending="unknown")
    assert text(login(over, EN, known=True)).endswith("12 min 34 s, says an unverified line")
    assert "✖ End session" not in labels(login(over, EN, known=True))
    assert text(login(ROW, ZH, known=True)).startswith("🔑 root 登入 db1\n來自 203.0.113.9 · 新位址\n")


def test_failures_that_are_no_alarm_are_told_too() -> None:
    known = replace(ROW, first="", failures=2)
    assert text(login(known, EN, known=True)).splitlines()[1] == "from 203.0.113.9 · 2 failures before"
    assert text(login(known, ZH, known=True)).splitlines()[1] == "來自 203.0.113.9 · 先前失敗 2 次"
    after = text(login(replace(known, alarm="failures"), EN, known=True))
    assert after.splitlines()[:2] == ["🔴 root logged in to db1 after 2 failures", "from 203.0.113.9"]


def test_an_alarm_says_why_and_is_heard_at_night() -> None:
    after = login(replace(ROW, alarm="failures", failures=14), EN, known=True, quiet=True)
    assert text(after).startswith("🔴 root logged in to db1 after 14 failures\n")
    assert not after.silent
    assert labels(after)[-3:] == ["⛔ Block 1 h", "24 h", "For good"]
    stolen = login(replace(ROW, alarm="key"), EN, known=True)
    assert text(stolen).startswith("🔴 Our key was used from elsewhere: root on db1\n")
    assert login(ROW, EN, known=True, quiet=True).silent


def test_who_cannot_be_looked_at_has_no_buttons() -> None:
    assert login(ROW, EN, known=False).buttons == ()
    assert episode(TRIES, [], EN, known=False).buttons == ()


def test_what_cannot_be_blocked_has_no_such_button() -> None:
    assert "⛔ Block address" not in labels(login(replace(ROW, address="gateway.example"), EN, known=True))
    assert labels(episode(replace(TRIES, subject=""), [], EN, known=True)) == ["Last logins"]


def test_failures_count_up() -> None:
    message = episode(TRIES, [], EN, known=True)
    assert text(message) == (
        "🚪 web1: 143 failed logins from 198.51.100.7\n14:02:11–14:19:11 +00\n"
        "users root(90) admin(31) a(2) b(2) +2\n40 connections named an unknown user"
    )
    assert labels(message) == ["⛔ Block 1 h", "24 h", "For good", "Last logins"]
    unknown = replace(TRIES, count=0, unknown=1, last_at=START)
    assert text(episode(unknown, [], EN, known=True)).startswith(
        "🚪 web1: 1 try as an unknown user from 198.51.100.7\n"
    )
    assert text(episode(TRIES, [], ZH, known=True)).startswith("🚪 web1: 143 次登入失敗 來自 198.51.100.7\n")


def test_a_crowd_names_the_worst() -> None:
    crowd = replace(TRIES, kind="crowd", subject="", addresses=1234, count=56789)
    message = episode(crowd, [("198.51.100.30", 500), ("2001:db8::1", 20)], EN, known=True)
    assert text(message).startswith("🚪 web1: 56,789 failed logins from 1,234 more addresses\n")
    assert text(message).endswith("198.51.100.30 500\n2001:db8::1    20")


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("sudo", "⬆ ann used sudo on web1 · 3×"),
        ("su", "⬆ ann used su on web1 · 3×"),
        ("sudo-refused", "✖ ann was refused sudo on web1 · 3×"),
        ("su-refused", "✖ ann was refused su on web1 · 3×"),
        ("accounts", "⬆ Accounts changed on web1: ann · 3×"),
    ],
)
def test_who_became_another(kind: str, head: str) -> None:
    row = EpisodeRow("web1", kind, "ann", START, START, 3, names={"root": 3}, detail="/usr/bin/id\n\x1b[2J")
    message = episode(row, [], EN, known=True)
    assert text(message).splitlines()[:3] == [head, "→ root(3)", "/usr/bin/id"]
    assert message.silent


@pytest.mark.parametrize(
    ("locale", "head", "ours"),
    [
        (EN, "🗝 New key for ann on web1 · 3×", "we come in with it, too"),
        (ZH, "🗝 web1 的 ann 有新金鑰 · 3×", "我們也用它登入"),
    ],
)
def test_new_keys(locale: Locale, head: str, ours: str) -> None:
    names = {"ours\tssh-ed25519\tSHA256:Nf3abc\tlaptop <b>": 1, "authority\tssh-rsa\tSHA256:Qx\t": 1, "\t\t\t": 1}
    message = episode(EpisodeRow("web1", "keys", "ann", START, START, 3, names=names), [], locale, known=True)
    rows = text(message).splitlines()
    assert rows[0] == head
    assert rows[1] == f"ssh-ed25519 SHA256:Nf3abc “laptop <b>” · {ours}"
    assert rows[2].startswith("ssh-rsa SHA256:Qx · ")
    assert "authorized_keys" in rows[3]
    assert message.silent


def test_gaps() -> None:
    row = EpisodeRow("web1", "gaps", "", START, START + 1800, 1, names={"journal": 1})
    assert text(episode(row, [], EN, known=True)) == (
        "❔ web1: who came in is not known\nBetween 14:02:11 +00 and 14:32:11 +00 we do not know:"
        " that part of its log (journal) is gone."
    )
    several = episode(replace(row, count=3), [], EN, known=True, quiet=True)
    assert text(several).splitlines()[0] == "❔ web1: who came in is not known · 3×"
    assert text(several).splitlines()[1].startswith("3 times between 14:02:11 +00 and 14:32:11 +00 we do not know")
    assert several.silent


def test_logins_beyond_those_told_one_by_one() -> None:
    row = EpisodeRow(
        "web1", "logins", "", START, START + 90, 57, 2, {"backup": 50, "ann": 7}, addresses=2, told=True, id=3
    )
    message = episode(row, [("192.0.2.7", 50), ("198.51.100.9", 7)], EN, known=True)
    assert text(message).splitlines() == [
        "🔑 web1: 57 more logins",
        "14:02:11–14:03:41 +00",
        "users backup(50) ann(7)",
        "from 2 addresses · 2 not seen before",
        "192.0.2.7    50",
        "198.51.100.9  7",
        "Too many to be told one by one: /logins has each.",
    ]
    assert labels(message) == ["Who is on", "Last logins"]
    assert text(episode(row, [], ZH, known=True)).startswith("🔑 web1: 又有 57 次登入\n")
    alarming = episode(replace(row, kind="alarms"), [], EN, known=True, quiet=True)
    assert text(alarming).startswith("🔴 web1: 57 more alarming logins\n")
    assert not alarming.silent, "heard at night"
    assert episode(row, [], EN, known=True, quiet=True).silent


def test_many_are_one_with_a_file() -> None:
    many = [replace(ROW, id=n, user=f"u{n}", began_at=START + n) for n in range(40)]
    message = of_logins(letters(replace(ROW, alarm="failures", failures=9), *many), EN)
    assert text(message).startswith("🔴 41 logins · 1 host\n🔴 root logged in to db1 after 9 failures · 203.0.113.9\n")
    assert message.document is not None
    assert len(message.document.content.decode().splitlines()) == 42
    tries = [replace(TRIES, host=f"web{n}") for n in range(20)]
    assert text(of_episodes(letters(*tries), EN)).startswith("🚪 2,860 failed logins · 20 hosts\n🚪 web0: 143 failed")
    storm = [replace(TRIES, kind="logins", count=5), replace(TRIES, kind="alarms", count=2), *tries[:9]]
    told = text(of_episodes(letters(*storm), EN))
    assert told.startswith("🔴 7 logins · 1,287 failed logins · 9 hosts\n🔴 web1: 2 more alarming logins\n🔑 web1: 5")
    gaps = [replace(TRIES, host=f"web{n}", kind="gaps", count=1) for n in range(11)]
    assert text(of_episodes(letters(*gaps), EN)).startswith("🚪 11 other events · 11 hosts\n❔ web0: who came in")


sessions = st.builds(
    SessionRow, host=nasty, user=nasty, address=nasty, began_at=st.just(time.time()), method=nasty, key=nasty,
    comment=nasty, reverse=nasty, logind=nasty, source=nasty, pid=st.sampled_from([None, 7]),
    ended_at=st.sampled_from([None, time.time()]), ending=st.sampled_from(["", "closed", "unknown", "left"]),
    claimed_at=st.sampled_from([None, time.time()]),
    alarm=st.sampled_from(["", "failures", "key"]), first=st.sampled_from(["", "network"]),
)  # fmt: skip
tried = st.builds(
    EpisodeRow, host=nasty, subject=nasty,
    kind=st.sampled_from(["failures", "crowd", "sudo", "su", "accounts", "logins", "alarms", "gaps"]),
    first_at=st.just(0.0), last_at=st.just(time.time()), count=st.integers(0, 10**9), detail=nasty,
    names=st.dictionaries(nasty, st.integers(0, 10**6), max_size=50), others=st.integers(0, 9),
)  # fmt: skip


@FAST
@given(row=sessions, many=st.lists(sessions, min_size=1, max_size=12), locale=locales)
def test_whoever_comes_in_breaks_no_message(row: SessionRow, many: list[SessionRow], locale: Locale) -> None:
    message = login(row, locale, known=True)
    is_sound(message)
    assert width(text(message).partition("\n")[0]) <= 150
    crowd = of_logins(letters(*many), locale)
    is_sound(crowd)
    assert length(Html(crowd.html)) <= CAPTION_LIMIT


@FAST
@given(row=tried, worst=st.lists(st.tuples(nasty, st.integers(0, 10**9)), max_size=5), locale=locales)
def test_whoever_tries_breaks_no_message(row: EpisodeRow, worst: list[tuple[str, int]], locale: Locale) -> None:
    is_sound(episode(row, worst, locale, known=True))
    crowd: Any = of_episodes(letters(*[row] * 12), locale)
    is_sound(crowd)
    assert length(Html(crowd.html)) <= CAPTION_LIMIT
