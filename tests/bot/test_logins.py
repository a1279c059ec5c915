"""``/logins`` as a person sees it: lists, filters, pages, pictures, rules, and where they are told of beside it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestrator.bot.language import Catalogues
from orchestrator.bot.loginsources import LoginSources
from orchestrator.bot.message import CAPTION_LIMIT
from orchestrator.bot.render.loginday import WORST, of_logins
from orchestrator.bot.render.loginpictures import Asked, Kind, by_hour
from orchestrator.bot.render.markup import COLUMNS, Html, length, shown, width
from orchestrator.bot.render.summary import told
from orchestrator.logins.follow import Following, FollowState
from orchestrator.readings import Course
from orchestrator.ssh import HostState, Phase
from orchestrator.store import ButtonRow
from orchestrator.store.loginepisodes import EpisodeRow, LoginEpisodeTable
from orchestrator.store.loginfigures import Bucket
from orchestrator.store.logins import Cursor, LoginLog, Seen
from orchestrator.store.loginsessions import LoginSessionTable, SessionRow
from orchestrator.store.thresholds import Scope
from tests.bot.conftest import Node

BOTH = pytest.mark.parametrize("language", ["en", "zh_TW"])
NO_RIGHT = "ops may not read /var/log/auth.log; bootstrap the host, or run as root: usermod -aG adm,systemd-journal ops"
LOADED = time.time()
ANN = SessionRow("web1", "ann", "203.0.113.9", time.time() - 240, method="publickey", first="user", verified=True)
ATTACK = EpisodeRow(
    "web1",
    "failures",
    "198.51.100.7",
    time.time() - 3600,
    time.time() - 600,
    count=143,
    names={"root": 90, "admin": 31, "pi": 2},
    others=20,
)


async def book(node: Node, *rows: SessionRow | EpisodeRow) -> None:
    """Put rows down as if this module had just been loaded."""
    late = time.time() - LOADED
    for row in rows:
        if isinstance(row, SessionRow):
            ended_at = row.ended_at + late if row.ended_at else row.ended_at
            row = replace(row, began_at=row.began_at + late, ended_at=ended_at)  # noqa: PLW2901
            await node.database.write(lambda tx, row=row: LoginSessionTable.put(tx, row))  # type: ignore[misc]
        else:
            row = replace(row, first_at=row.first_at + late, last_at=row.last_at + late)  # noqa: PLW2901
            await node.database.write(lambda tx, row=row: LoginEpisodeTable.put(tx, row))  # type: ignore[misc]


def cannot(host: str, why: str) -> FollowState:
    return FollowState(host, Following.CANNOT, datetime.now(UTC), why)


@BOTH
async def test_who_came_in_and_who_tried(node: Node, language: str) -> None:
    bob = replace(ANN, user="bob", host="web2", address="2001:db8:1234:5678:9abc:def0:1234:5678", alarm="key")
    await book(
        node,
        replace(ANN, began_at=ANN.began_at - 7200, ended_at=ANN.began_at - 6480, ending="closed", first=""),
        replace(ANN, user="op", ours=True),
        replace(bob, began_at=ANN.began_at - 86400 * 3, ended_at=ANN.began_at, ending="unknown"),
        replace(
            ANN, user="eve", began_at=ANN.began_at - 3600, claimed_at=ANN.began_at, source="auth.log", verified=False
        ),
        ATTACK,
        ANN,
    )
    node.followed["web2"] = node.followed["web3"] = cannot("web2", NO_RIGHT)
    person = node.person(language=language)

    answer = await person.say("/logins")

    locale = node.catalogues.locale(language)
    assert answer.first_line.startswith("🔑 ")
    assert answer.first_line.endswith(
        locale.gettext("last: {user}, {time} ago").format(user="ann", time=locale.ago(240))
    )
    warning = answer.text.splitlines()[1]
    assert warning.startswith("⚠")
    assert "web[2-3]" in warning
    assert "usermod -aG adm,systemd-journal ops" in warning
    rows = answer.text.splitlines()[2:-1]
    assert max(map(width, rows)) <= COLUMNS + 3, rows
    assert "ann · web1" in rows[0]
    assert rows[1].strip().startswith(f"203.0.113.9 · {locale.gettext('first time')}")
    assert locale.gettext("still on") in " ".join(rows[1:3])
    attack = next(number for number, row in enumerate(rows) if row.startswith("🚪"))
    assert rows[attack].endswith("web1 · 143×")
    assert rows[attack + 2].strip() == "root(90) admin(31) pi(2) +20"
    critical = next(number for number, row in enumerate(rows) if row.startswith("🔴"))
    assert rows[critical + 1].strip() == bob.address
    assert locale.gettext("end unknown") in " ".join(rows[critical + 1 :])
    forged = next(number for number, row in enumerate(rows) if "eve" in row)
    assert locale.gettext("not verified ({source})").format(source="auth.log") in " ".join(rows[forged : forged + 4])
    assert locale.ago(720) in answer.text
    assert "op ·" not in answer.text
    assert [row.action for row in await node.audit.latest(1)] == ["list_logins"]


async def test_nothing_yet_and_a_name_that_no_password_was_tried_for(node: Node) -> None:
    person = node.person()
    assert "Nothing is known of logins yet." in (await person.say("/logins")).text
    await book(node, replace(ATTACK, count=0, unknown=1, names={"oracle": 0}, others=0))
    told = (await person.say("/logins")).text.splitlines()
    assert told[1].endswith("web1 · 1×")
    assert told[2].strip() == "198.51.100.7 · oracle"


async def test_filters_and_pages(node: Node) -> None:
    await book(node, *(replace(ANN, began_at=ANN.began_at - n, user=f"u{n % 3}") for n in range(20)), ATTACK)
    person = node.person()

    first = await person.say("/logins web1")
    assert first.text.count("🔑") == 1 + 8
    await person.tap("2 ▸")
    await person.tap("3 ▸")
    assert person.last.text.count("🔑") == 1 + 4
    assert "143×" in person.last.text
    assert "◂ 2" in person.last.labels
    assert not any("▸" in label for label in person.last.labels)
    assert (await person.say("/logins user:u1 web1")).text.count("u1 · web1") == 7
    assert "143×" in (await person.say("/logins user:admin")).text
    assert "143×" in (await person.say("/logins from:198.51.100.7")).text
    assert "Nothing like that" in (await person.say("/logins from:192.0.2.99")).text
    assert "Nothing like that" in (await person.say("/logins web2")).text
    failed = await person.say("/logins failed")
    assert failed.first_line == "🚪 Failed logins"
    assert "ann" not in failed.text
    await person.tap("All")
    assert person.last.text.count("🔑") == 1 + 8
    assert (await person.say("/logins web1 web2")).first_line.startswith("❔")
    assert "nowhere" in (await person.say("/logins nowhere")).text


async def test_what_a_stranger_calls_himself_stays_a_name(node: Node) -> None:
    await book(node, replace(ANN, user="<b>x</b>\u202e\n/kick", address=""), replace(ATTACK, names={"a b" * 30: 1}))
    text = (await node.person().say("/logins")).text
    assert "<b>x</b>" in text
    assert "\u202e" not in text
    assert "this host's own screen" in text
    assert max(width(row) for row in text.splitlines()) <= 60


@BOTH
async def test_pictures(node: Node, language: str) -> None:
    node.followed["web1"] = cannot("web1", NO_RIGHT)
    await book(node, *(replace(ANN, began_at=ANN.began_at - 3000 * n) for n in range(50)))
    person = node.person(language=language)
    locale = node.catalogues.locale(language)
    await person.say("/logins web1")
    await person.tap(locale.gettext("Chart"))
    assert person.last.now.picture
    assert person.last.first_line.endswith("web1")
    assert locale.gettext("Nothing is known of logins yet.") in person.last.text
    assert "usermod" in person.last.text
    day = person.last.now.picture.content
    await person.tap(locale.gettext("30 d"))
    assert person.last.now.picture.content != day
    assert locale.ngettext("{n} login", "{n} logins", 50).format(n=50) in person.last.text
    light = person.last.now.picture.content
    await person.tap("◐")
    assert person.last.now.picture.content != light
    seen = Seen("1", time.time() - 60, "login", "ann", "203.0.113.9", 1, False, {})
    await LoginLog(node.database).put("web1", [seen], Cursor("auth.log", "1", time.time()))
    await person.say("/logins")
    await person.tap(locale.gettext("Heat map"))
    assert person.last.now.picture
    assert person.last.now.picture.name == "logins-week.png"
    assert locale.gettext("Data since {time}.").partition("{")[0] in person.last.text


def test_columns_begin_with_the_readers_day_and_weeks_are_by_his_clock() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    now = datetime(2026, 11, 22, 10, 7, tzinfo=UTC)
    span = Asked(Kind.CHART, 30, "", now).span(zone)
    ends = datetime.fromtimestamp(span.end, zone)
    assert (ends.day, ends.hour, ends.minute, span.end - span.start) == (23, 0, 0, 30 * 86400)
    # 18:40 UTC on a Sunday is ten past midnight on a Monday there.
    monday = datetime(2026, 11, 15, 18, 40, tzinfo=UTC).timestamp()
    came, failed = by_hour([Bucket(monday, 3, 5)], zone)
    assert (came[0][0], failed[0][0]) == (3, 5)
    assert (sum(map(sum, came)), sum(map(sum, failed))) == (3, 5)


@BOTH
async def test_rules_are_shown_with_who_they_are_for_set_and_taken_back(node: Node, language: str) -> None:
    person = node.person(language=language)
    locale = node.catalogues.locale(language)
    none = await person.say("/logins rules")
    assert locale.gettext("all by default") in none.first_line
    assert "/logins tell sudo|su|accounts|keys" in none.text.splitlines()
    answer = await person.say("/logins known 192.0.2.77/24 web")
    assert "192.0.2.0/24" in answer.first_line
    assert [row.action for row in await node.audit.latest(1)] == ["set_login_rule"]
    await person.say("/logins known 192.0.2.77 off web1")
    await person.say("/logins quiet backup")
    await person.say("/logins tell sudo on")
    rules = LoginSources.of(node.database, dict).rules
    assert {(str(row.scope), row.kind, row.value, row.on) for row in await rules.rows()} == {
        ("group web", "known", "192.0.2.0/24", True),
        ("host web1", "known", "192.0.2.77/32", False),
        ("fleet", "quiet", "backup", True),
        ("fleet", "tell", "sudo", True),
    }
    answer = await person.say("/logins rules")
    assert "4" in answer.first_line
    assert len(answer.labels) == 4
    await person.tap(next(label for label in answer.labels if "backup" in label))
    assert len(await rules.rows()) == 3
    await person.say("/logins tell sudo default")
    assert len(await rules.rows()) == 2
    assert locale.gettext("None was set there.") in (await person.say("/logins quiet nobody default")).text
    for wrong in ("known 0.0.0.0/0", "known web1", "tell everything", "quiet", "known 192.0.2.0/24 nowhere"):
        assert (await person.say(f"/logins {wrong}")).first_line.startswith("❔"), wrong
    assert len(await rules.rows()) == 2


async def test_taking_back_takes_back(node: Node) -> None:
    person = node.person()
    await person.say("/logins quiet backup web1")
    await person.tap("Take back")
    assert "taken back" in person.last.text
    assert await LoginSources.of(node.database, dict).rules.rows() == []
    assert Scope.parse("host web1").name == "web1"


@BOTH
async def test_status_says_whose_logins_are_not_followed_and_what_mends_it(node: Node, language: str) -> None:
    node.report = replace(node.report, unfollowed={"web2": NO_RIGHT, "web3": NO_RIGHT})
    text = (await node.person(language=language).say("/status")).text
    assert "web[2-3]" in text
    assert "usermod -aG adm,systemd-journal ops" in text


@BOTH
async def test_status_says_where_new_keys_are_not_noticed(node: Node, language: str) -> None:
    why = "only the keys of ops are looked at; bootstrap the host"
    node.report = replace(node.report, unwatched={"web2": why, "web3": why})
    lines = (await node.person(language=language).say("/status")).text.splitlines()
    (line,) = [line for line in lines if "web[2-3]" in line]
    assert (why in line) == (language == "en")


@BOTH
async def test_the_daily_summary_sums_up_the_logins(node: Node, language: str) -> None:
    sources, now = LoginSources.of(node.database, lambda: node.followed), time.time()
    locale = node.catalogues.locale(language)
    quiet = of_logins(await sources.figures.digest(now - 86400, now, WORST), (), locale)
    assert shown(quiet) == "🔑 " + locale.gettext("no logins in the last 24 h")

    ours = replace(ANN, user="op", ours=True)
    await book(node, ANN, replace(ANN, first=""), replace(ANN, user="bob", first="network"), ours, ours)
    log = LoginLog(node.database)
    for number in range(5):
        seen = Seen(str(number), now - 60, "failed", "root", f"198.51.100.{number}", 100 + number, True, {})
        await log.put("web1", [seen], Cursor("auth.log", str(number), now))
    node.followed["web3"] = cannot("web3", NO_RIGHT)
    person = node.person(language=language)
    await person.say("/summary")
    await person.tap(locale.gettext("Show it now"))
    told = [line for line in person.last.text.splitlines() if line[0] in "🔑✨🚪" or "web3" in line][-4:]
    assert told[0].endswith("ann(2) bob(1) · " + locale.gettext("{n} of ours").format(n=2))
    assert told[1].endswith("ann 203.0.113.9, bob 203.0.113.9")
    assert told[2].endswith("198.51.100.4(104) 198.51.100.3(103) 198.51.100.2(102) +2")
    assert "510" in told[2]
    assert told[3].startswith("⚠")


def test_a_caption_takes_the_worst_hosts_and_all_of_the_logins() -> None:
    locale = Catalogues(ZoneInfo("Asia/Taipei")).locale("en")
    down = HostState(Phase.BACKOFF, datetime.now(UTC), "no route to host")
    courses = [Course(f"host-of-a-long-name-{number}", {}, {}, {}, down, "no route " * 20) for number in range(30)]
    logins = Html("\n".join(f"{number}" * 100 for number in range(4)))
    text = told(courses, 5, b"png", datetime.now(UTC), locale, logins=logins).html
    assert len(text) > 900
    assert length(Html(text)) <= CAPTION_LIMIT
    assert logins in text
    assert "\n…\n" in text
    assert "host-of-a-long-name-0 " in text


async def test_last_logins_of_a_user_and_of_an_address(node: Node) -> None:
    await book(
        node,
        ANN,
        replace(ANN, address="203.0.113.50", began_at=ANN.began_at - 5),
        replace(ANN, host="web2", user="bob", began_at=ANN.began_at - 6),
        replace(ANN, host="web2", user="carl", address="203.0.113.60"),
        replace(ATTACK, subject=ANN.address),
        ATTACK,
    )
    person = node.person()
    args = {"host": "web1", "user": "ann", "address": ANN.address}
    (button,) = await node.buttons.put([ButtonRow("logins.show", args, "", 60.0, once=False)])
    await person.press(button)
    text = person.last.text
    assert text.count("ann · web1") == 2
    assert "bob · web2" in text
    assert "carl" not in text
    assert text.count("143×") == 1
