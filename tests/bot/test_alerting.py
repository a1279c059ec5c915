"""Alerts in the chat: lists, buttons and silences, on a real Alertmanager."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.bot.alertview import AlertView
from orchestrator.bot.drawing import Easel
from orchestrator.bot.render.alerttop import busiest
from orchestrator.bot.render.markup import COLUMNS, width
from orchestrator.bot.telling import AlertTelling
from orchestrator.followups import FollowUps
from orchestrator.inventory import HostSet, Inventory
from orchestrator.inventory.routes import QuietHours, Routes
from orchestrator.readings import Readings
from orchestrator.settings import ChatTarget
from orchestrator.store import AuditRow, Letter, Priority
from orchestrator.store.thresholds import Scope
from tests.alerts.alertmanager import Bench, bench
from tests.bot.conftest import Node
from tests.bot.test_alerts import fire


@asynccontextmanager
async def with_alertmanager(node: Node, folder: Path) -> AsyncIterator[Bench]:
    """The node asks a real Alertmanager while the block lasts."""
    async with bench(folder) as each:
        node.alertmanager = each.client
        node.restart()
        yield each


async def fires(node: Node, *alerts: Alert) -> list[AlertGroup]:
    """Take in alerts; gives the incidents that go on."""
    await node.alerts.receive(alerts)
    return list(await node.alerts.current())


def cpu(host: str, minutes: float = 4) -> Alert:
    return fire(host=host, starts_at=time.time() - 60 * minutes - 10)


async def audited(node: Node) -> list[AuditRow]:
    return [row for row in await node.audit.latest(100) if row.kind == "intent"]


async def test_nothing_fires_and_whether_anything_would_arrive(node: Node) -> None:
    ann = node.person()
    said = str(await ann.say("/alerts"))
    assert said.startswith("⚪ No alert fires\n⚪ Whether alerts arrive here is not known yet.\nas of ")
    node.watchdog.heard()
    assert "not known" not in str(await ann.say("/alerts"))
    node.watchdog.fault = await node._diagnose()
    assert "⚠ No new alert would arrive: Alertmanager is away." in str(await ann.say("/alerts"))


async def test_the_worst_first_with_a_button_for_each(node: Node) -> None:
    down = fire("AgentDown", "db1", severity="critical", value=None, starts_at=time.time() - 610)
    await fires(node, cpu("web1"), cpu("web2", 12), down)
    node.watchdog.heard()
    ann = node.person()
    shown = await ann.say("/alerts")
    assert str(shown).splitlines()[:4] == [
        "🔴 3 alerts fire · 3 hosts",
        "🔴 AgentDown · db1 · 10 min",
        "🟡 AgentHighCPU · web2 · 97% · 12 min",
        "🟡 AgentHighCPU · web1 · 97% · 4 min",
    ]
    assert shown.labels == ["🔴 AgentDown · db1", "🟡 AgentHighCPU · web2", "🟡 AgentHighCPU · web1", "↻"]
    assert str(await ann.say("/alerts web")).startswith("🟡 2 alerts fire · 2 hosts · web")
    assert str(await ann.say("/alerts web3")).startswith("⚪ No alert fires · web3")
    assert "nowhere is not in the inventory" in str(await ann.say("/alerts nowhere"))


async def test_many_of_a_name_are_one_line_that_opens(node: Node) -> None:
    await fires(node, *(cpu(f"web{n}") for n in range(1, 31)), fire("AgentDown", "db1", severity="critical"))
    ann = node.person()
    shown = await ann.say("/alerts")
    assert str(shown).splitlines()[2] == "🟡 30 × AgentHighCPU · web[1-30]"
    assert all(width(line) <= COLUMNS for line in shown.text.splitlines()[1:3])
    await ann.tap("30 × AgentHighCPU")
    assert ann.last.first_line == "🟡 30 alerts fire · 30 hosts · AgentHighCPU"
    assert len(ann.last.labels) == 8 + 3
    await ann.tap("2/4")
    assert ann.last.labels[-1] == "3/4 ▸"
    await ann.tap("▴")
    assert ann.last.first_line == "🔴 31 alerts fire · 31 hosts"
    await ann.tap("🔴 AgentDown")
    assert ann.last.first_line.startswith("🔴 AgentDown · db1")


async def test_taken_on_after_a_restart_and_written_down(node: Node) -> None:
    (group,) = await fires(node, cpu("web1"))
    ann = node.person()
    await ann.say("/alerts")
    await ann.tap("AgentHighCPU")
    node.restart()
    mei = node.person(1002, "zh_TW")
    assert not await ann.tap("look after it")
    assert "👤 user 1001 looks after it" in ann.last.text
    assert "👤 I look after it" not in ann.last.labels
    known = await node.alerts.group(group.id)
    assert known
    assert known.acked_by == "user 1001"
    (letter,) = (await node.outbox.since(0))[-1:]
    assert letter.payload["acked_by"] == "user 1001", "told in every chat"
    assert "Look after AgentHighCPU of web1" in [row.summary for row in await audited(node)]
    await mei.say("/alerts web1")
    assert "👤" in mei.last.text


async def test_what_is_done_is_shown_once(node: Node) -> None:
    (group,) = await fires(node, cpu("web1"))
    ann = node.person()
    await ann.say("/alerts")
    await ann.tap("AgentHighCPU")
    own, here = max(ann.chat.messages), ChatTarget(ann.number)
    # As when it was the outbox that sent this message: it will edit it, too.
    (letter,) = await node.outbox.since(0)
    await node.outbox.sent(replace(letter, target=here), message_id=own)
    assert await node.alerts.message(group, here) == own
    await ann.tap("look after it")
    assert len(ann.last.states) == 1, "the letter does it"
    (letter,) = (await node.outbox.since(0))[-1:]
    assert (letter.thread, letter.payload["acked_by"]) == (group.thread, "user 1001")
    assert await node.alerts.message(group, ChatTarget(ann.number, 5)) is None


async def test_whose_threshold_is_told(node: Node) -> None:
    await node.thresholds.set(Scope.parse("host web1"), "cpu", 0.8, "ann")
    await node.thresholds.set(Scope.parse("host web1"), "load", 3.0, "ann")
    load = fire("HighLoad", threshold=2.0, unit="per_core", value=3.2, metric="load", starts_at=time.time())
    await fires(node, cpu("web1"), cpu("db1"), load)
    view = AlertView(lambda: node.inventory, Readings(node.metrics, node.fleet, node.pool.state, node.thresholds.of))
    told = {
        (group.name, group.host): (await view.draw(group, node.catalogues.locale("en"))).html
        for group in await node.alerts.current()
    }
    assert "over 80% (host web1) · firing" in told["AgentHighCPU", "web1"]
    assert "over 80% · firing" in told["AgentHighCPU", "db1"]
    assert "over 2 per core · firing" in told["HighLoad", "web1"], "it is another now"


async def test_how_high_it_went_is_not_waited_for(node: Node) -> None:
    (group,) = await fires(node, cpu("web1"))
    ended = replace(group, alerts=tuple(replace(alert, ends_at=time.time()) for alert in group.alerts))
    view = AlertView(lambda: node.inventory, Readings(node.metrics, node.fleet, node.pool.state))
    assert "at last 97%" in (await view.draw(ended, node.catalogues.locale("en"))).html


async def test_muted_and_heard_again(node: Node, tmp_path: Path) -> None:
    async with with_alertmanager(node, tmp_path / "am") as each:
        (group,) = await fires(node, cpu("web1"))
        ann = node.person()
        await ann.say("/alerts")
        await ann.tap("AgentHighCPU")
        await ann.tap("4 h")
        assert "🔕 muted until" in ann.last.text
        (silence,) = await each.client.silences()
        assert [str(matcher) for matcher in silence.matchers] == ['alertname="AgentHighCPU"', 'host="web1"']
        assert 4 * 3600 - 5 <= silence.ends_at - time.time() <= 4 * 3600
        assert silence.author == "user 1001"
        await ann.tap("Undo mute")
        assert "🔕 muted" not in ann.last.text
        assert (await each.client.silences())[0].state == "expired"
        known = await node.alerts.group(group.id)
        assert known
        assert not known.silence
        said = [row.summary for row in await audited(node)]
        assert any(each.startswith('Silence alertname="AgentHighCPU", host="web1"') for each in said)
        assert any(each.startswith("End the silence ") for each in said)


async def test_alertmanager_away_is_said_and_nothing_is_muted(node: Node) -> None:
    (group,) = await fires(node, cpu("web1"))
    ann = node.person()
    await ann.say("/alerts")
    await ann.tap("AgentHighCPU")
    await ann.tap("1 h")
    assert "Alertmanager gives no answer" in ann.last.text
    known = await node.alerts.group(group.id)
    assert known
    assert not known.silence
    assert "Alertmanager gives no answer" in str(await ann.say("/silences"))
    assert "Alertmanager gives no answer" in str(await ann.say("/silence web1 2h"))


async def test_silences_by_words(node: Node, tmp_path: Path) -> None:
    async with with_alertmanager(node, tmp_path / "am") as each:
        await fires(node, cpu("web1"), cpu("web2"), fire("HighLoad", "web1", starts_at=time.time()))
        ann = node.person()
        assert (await ann.say("/silence web AgentHighCPU 1d")).first_line == "🔕 Silenced: AgentHighCPU · web[1-3]"
        muted = {(group.name, group.host) for group in await node.alerts.current() if group.silence}
        assert muted == {("AgentHighCPU", "web1"), ("AgentHighCPU", "web2")}
        await ann.tap("Undo")
        assert ann.last.first_line == "🔔 Heard again: AgentHighCPU · web[1-3]"
        assert not any(group.silence for group in await node.alerts.current())

        later = await ann.say("/silence all 2h from 03:30")
        assert later.first_line == "🔕 Will be silenced: all"
        assert "from " in later.text
        assert not any(group.silence for group in await node.alerts.current()), "not yet"
        listed = await ann.say("/silences")
        assert listed.first_line == "🔕 1 silence"
        assert '1. host=~".+"' in listed.text
        assert listed.labels == ["✖ 1", "↻"]
        await ann.tap("✖ 1")
        assert ann.last.first_line == "🔕 No silences"
        assert {silence.state for silence in await each.client.silences()} == {"expired"}


async def test_what_cannot_be_meant_is_said_with_an_example(node: Node) -> None:
    ann = node.person()
    for words in ("", "web1", "web1 soon", "web1 2h from", "web1 a b c", "web1 2h from tomorrow"):
        said = str(await ann.say(f"/silence {words}"))
        assert said.startswith("❔"), words
        assert "/silence web1 2h" in said or "Say for example" in said, words
    assert "nowhere is not in the inventory" in str(await ann.say("/silence nowhere 2h"))


@asynccontextmanager
async def following(node: Node) -> AsyncIterator[None]:
    """What follows alerts is put into the outbox while the block lasts."""
    follow_ups = FollowUps(node.outbox, node.fleet, lambda: node.inventory, lambda *_: None)
    task = asyncio.create_task(follow_ups.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _easel(node: Node) -> Easel:
    return Easel(node.charts, node.preferences, node.catalogues)


async def letters(node: Node, count: int) -> list[Letter]:
    """All that was put in, waiting until there are so many."""
    async with asyncio.timeout(20):
        while len(found := await node.outbox.since(0)) < count:  # noqa: ASYNC110 - a table
            await asyncio.sleep(0.05)
    return found


async def test_what_kept_the_host_busy_follows_an_alert(node: Node) -> None:
    await node.database.write(lambda tx: node.outbox.put(tx, "inventory.mended", {}, key="before"))
    async with following(node):
        await fires(node, cpu("web1", 0), cpu("db1", 0), cpu("web2", 60), cpu("gone", 0))
        # web1: both; db1, where nobody listens: a chart may still be had; web2 began too long ago; gone is unknown.
        found = await letters(node, 1 + 4 + 3)
        assert not (await node.outbox.since(found[-1].id))
    replies = [letter for letter in found if letter.reply]
    assert sorted((letter.kind, letter.payload["host"]) for letter in replies) == [
        ("alert.chart", "db1"),
        ("alert.chart", "web1"),
        ("alert.top", "web1"),
    ]
    (top,) = [letter for letter in replies if letter.kind == "alert.top"]
    (incident,) = [group for group in await node.alerts.current() if group.host == "web1"]
    assert (top.thread, top.priority) == (incident.thread, Priority.WARNING)
    assert 1 <= len(top.payload["processes"]) <= 5
    shown = busiest(top.payload, node.catalogues.locale("en"))
    assert shown.silent
    assert shown.html.startswith("<b>⚙ web1 · ")


async def test_what_began_while_nobody_watched_is_followed_once(node: Node) -> None:
    await fires(node, cpu("web2", 60))
    await node.database.write(lambda tx: tx.execute("UPDATE outbox SET put_at = put_at - 3000"))
    await fires(node, cpu("web1", 0))
    for _ in range(2):  # as after a crash
        async with following(node):
            found = await letters(node, 2 + 2)
    assert sorted((letter.kind, letter.payload["host"]) for letter in found if letter.reply) == [
        ("alert.chart", "web1"),
        ("alert.top", "web1"),
    ]


async def test_many_at_once_are_told_without(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await node.database.write(lambda tx: node.outbox.put(tx, "inventory.mended", {}, key="before"))
    async with following(node):
        await fires(node, *(cpu(f"web{n}", 0) for n in range(1, 7)))
        await letters(node, 1 + 6)
        async with asyncio.timeout(10):
            while "6 alerts at once" not in caplog.text:  # noqa: ASYNC110 - a log
                await asyncio.sleep(0.02)
    assert not [letter for letter in await node.outbox.since(0) if letter.reply]


@pytest.mark.parametrize(("begins", "silent"), [(-1, True), (1, False)], ids=["now", "later"])
async def test_quiet_hours_of_the_host(node: Node, begins: int, silent: bool) -> None:
    now = datetime.now(ZoneInfo("Asia/Taipei"))  # the zone of the node's catalogues
    start, end = ((now + timedelta(hours=begins + later)).time() for later in (0, 2))
    quiet = QuietHours(start, end)
    quiet_host = replace(node.inventory.hosts["web1"], routes=Routes(quiet=quiet))
    inventory = Inventory(HostSet([quiet_host]))
    telling = AlertTelling(lambda: inventory, Readings(node.metrics, node.fleet, node.pool.state), _easel(node))
    await fires(node, cpu("web1"), fire("AgentDown", "web1", severity="critical"))
    found = {letter.payload["alerts"][0]["name"]: letter for letter in await node.outbox.since(0)}
    locale = node.catalogues.locale("en")
    assert (await telling.alert(found["AgentHighCPU"], locale)).silent is silent
    assert not (await telling.alert(found["AgentDown"], locale)).silent, "what is critical is heard at any hour"


async def test_a_chart_that_cannot_be_had_is_nothing_to_show(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    telling = AlertTelling(lambda: node.inventory, Readings(node.metrics, node.fleet, node.pool.state), _easel(node))
    await node.outbox.add("alert.chart", {"host": "web1", "metric": "cpu"}, key="c", thread="t", reply=True)
    (letter,) = await node.outbox.since(0)
    assert await telling.chart(letter, node.catalogues.locale("en")) is None
    assert "an alert of web1 goes without its chart" in caplog.text


async def test_top_and_chart_are_shown_beside_the_alert(node: Node) -> None:
    await fires(node, cpu("web1"))
    ann = node.person()
    await ann.say("/alerts")
    await ann.tap("AgentHighCPU")
    alert = ann.last
    await ann.tap("Top")
    assert ann.last is not alert
    busiest = ann.last
    assert busiest.first_line.startswith("⚙ web1 · ")
    await ann.tap("Who is on")
    assert ann.last is not busiest
    assert ann.last.first_line.startswith("👤 web1 · ")
    await ann.tap("Chart", on=alert)
    assert ann.last is not alert
    assert alert.first_line.startswith("🟡 AgentHighCPU"), "the alert stays"
