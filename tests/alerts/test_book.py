"""Incidents: what is news, and that news and its letter are one."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.alerts.book import AlertBook, Findings, Muting
from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.alerts.receive import messages
from orchestrator.errors import StoreError
from orchestrator.settings import ChatTarget
from orchestrator.store import Database, Outbox, Priority
from orchestrator.store.alerts import MOST_ALERTS
from tests.alerts.webhook import BEGAN, message, raw

CHAT, OPS = ChatTarget(-100), ChatTarget(-200, 7)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.at = BEGAN + 100

    def __call__(self) -> float:
        self.at += 1
        return self.at


class Desk:
    """A book, and what came of it in the outbox."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.routes: dict[str, tuple[ChatTarget, ...]] = {}
        outbox = Outbox(database, (CHAT,))
        self.severe: dict[str, tuple[ChatTarget, ...]] = {}

        def route(host: str, severity: str) -> tuple[ChatTarget, ...] | None:
            return self.routes.get(host) or self.severe.get(severity)

        self.book = AlertBook(database, outbox, route, now=self.clock)

    async def take(self, *alerts: dict[str, Any]) -> int:
        return await self.book.receive(messages(message(*alerts)))

    async def letters(self) -> list[tuple[str, AlertGroup, Priority, int]]:
        rows = await self.database.read(
            lambda tx: tx.execute("SELECT * FROM outbox WHERE kind = 'alert' ORDER BY id").fetchall()
        )
        return [
            (row["thread"], AlertGroup.from_json(json.loads(row["payload"])), Priority(row["priority"]), row["chat"])
            for row in rows
        ]

    async def joined(self) -> list[tuple[str, list[str]]]:
        """Each reply about more of the same: the thread it is in, and the mount points."""
        rows = await self.database.read(
            lambda tx: tx.execute("SELECT * FROM outbox WHERE kind = 'alert.joined' AND reply ORDER BY id").fetchall()
        )
        return [
            (row["thread"], [alert["labels"]["mountpoint"] for alert in json.loads(row["payload"])["alerts"]])
            for row in rows
        ]

    async def told(self) -> list[str]:
        """Each letter in short: ``web1 firing``, ``web1 1/2``, ``web1 ended``."""
        return [
            f"{group.host} " + (f"{len(group.firing)}/{len(group.alerts)}" if group.firing else "ended")
            for _, group, _, _ in await self.letters()
        ]


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    database = await Database.open(folder / "state" / "db")
    try:
        yield Desk(database)
    finally:
        await database.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as desk:
        yield desk


async def test_what_is_said_twice_is_told_once(desk: Desk) -> None:
    assert await desk.take(raw()) == 1
    assert await desk.take(raw()) == 0
    assert await desk.take(raw(ends=BEGAN + 60)) == 1
    assert await desk.take(raw(ends=BEGAN + 60)) == 0
    assert await desk.take(raw()) == 0  # an old message, late
    (thread, fires, priority, chat), (same, ended, last, _) = await desk.letters()
    assert (fires.host, fires.name, fires.since, fires.severity) == ("web1", "AgentHighCPU", BEGAN, "warning")
    assert (fires.alerts[0].value, fires.alerts[0].threshold, fires.alerts[0].unit) == (0.97, 0.8, "ratio")
    assert ended.ended_at == BEGAN + 60
    assert thread == same == f"alert {fires.id}"
    assert (priority, last, chat) == (Priority.WARNING, Priority.RESOLVED, CHAT.chat)
    assert await desk.book.current() == ()


async def test_alerts_of_a_host_and_name_are_one_incident(desk: Desk) -> None:
    root, data = ({"mountpoint": path} for path in ("/", "/data"))
    await desk.take(raw(labels=root))
    await desk.take(raw(labels=root), raw(labels=data, starts=BEGAN + 5))
    await desk.take(raw("web2"))
    await desk.take(raw(labels=root, ends=BEGAN + 60), raw(labels=data, starts=BEGAN + 5))
    await desk.take(raw(labels=data, starts=BEGAN + 5, ends=BEGAN + 70))
    assert await desk.told() == ["web1 1/1", "web1 2/2", "web2 1/1", "web1 1/2", "web1 ended"]
    assert len({thread for thread, *_ in await desk.letters()}) == 2
    assert [group.host for group in await desk.book.current()] == ["web2"]


async def test_what_joins_an_incident_makes_itself_heard_a_few_times(desk: Desk) -> None:
    def at(mount: str, later: float = 0) -> dict[str, Any]:
        return raw(labels={"mountpoint": mount}, starts=BEGAN + later)

    await desk.take(at("/"), at("/boot"))
    assert await desk.joined() == [], "they began together"
    await desk.take(at("/"), at("/boot"), at("/var", 5))
    await desk.take(raw(labels={"mountpoint": "/var"}, starts=BEGAN + 5, ends=BEGAN + 60))
    await desk.take(at("/var", 70))  # again
    await desk.take(at("/srv", 80))
    (group,) = await desk.book.current()
    assert await desk.joined() == [(group.thread, ["/var"]), (group.thread, ["/srv"])]
    await desk.take(at("/home", 90))
    await desk.book.acknowledge(group.id, "Ann")
    assert len(await desk.joined()) == 2, "the message has them all"
    assert len({thread for thread, *_ in await desk.letters()}) == 1


async def test_a_new_incident_is_a_new_message(desk: Desk) -> None:
    for starts in (BEGAN, BEGAN + 600):
        await desk.take(raw(starts=starts))
        await desk.take(raw(starts=starts, ends=starts + 60))
    assert await desk.told() == ["web1 1/1", "web1 ended"] * 2
    assert len({thread for thread, *_ in await desk.letters()}) == 2


async def test_a_lost_end_is_seen_at_the_next_beginning(desk: Desk) -> None:
    await desk.take(raw())
    await desk.take(raw(starts=BEGAN + 600))
    (group,) = await desk.book.current()
    assert [alert.starts_at for alert in group.alerts] == [BEGAN + 600]
    assert await desk.take(raw(starts=BEGAN + 600, ends=BEGAN + 700)) == 1
    assert await desk.book.current() == ()


async def test_an_end_that_names_another_beginning_ends_what_fires(desk: Desk) -> None:
    """Alertmanager keeps the earlier of two beginnings, and forgets it when it is started anew."""
    await desk.take(raw(starts=BEGAN + 30))
    assert await desk.take(raw(starts=BEGAN, ends=BEGAN + 20)) == 0  # that was another time
    assert await desk.take(raw(starts=BEGAN, ends=BEGAN + 60)) == 1
    assert await desk.book.current() == ()


async def test_what_began_and_ended_unheard_is_told_in_one_message(desk: Desk) -> None:
    assert await desk.take(raw(ends=BEGAN + 60)) == 1
    ((_, group, priority, _),) = await desk.letters()
    assert (group.firing, group.since, group.ended_at, priority) == ((), BEGAN, BEGAN + 60, Priority.RESOLVED)


async def test_acknowledged_and_muted(desk: Desk) -> None:
    await desk.take(raw())
    (group,) = await desk.book.current()
    acked = await desk.book.acknowledge(group.id, "Ann")
    assert acked
    assert (acked.acked_by, acked.acked_at) == ("Ann", desk.clock.at - 1)
    muted = await desk.book.mute(group.id, Muting("s-1", BEGAN + 3600))
    assert muted
    assert await desk.book.mute(group.id, Muting("s-1", BEGAN + 3600)) == muted  # not told again
    assert (await desk.letters())[-1][1] == muted
    assert len(await desk.letters()) == 3
    await desk.book.mute(group.id, Muting())
    await desk.book.acknowledge(group.id, "")
    last = (await desk.letters())[-1][1]
    assert (last.acked_by, last.acked_at, last.silence, last.silenced_until) == ("", None, "", None)
    assert await desk.book.acknowledge("none", "Ann") is None


async def test_settled_with_what_alertmanager_knows(desk: Desk) -> None:
    await desk.take(raw(), raw("web2"))
    one, two = await desk.book.current()
    seen = desk.clock()
    await desk.book.settle(Findings(seen, ended=one.alerts, mutings={two.id: Muting("s", seen + 60)}))
    assert await desk.told() == ["web1 1/1", "web2 1/1", "web1 ended", "web2 1/1"]
    (left,) = await desk.book.current()
    assert (left.host, left.silence) == ("web2", "s")
    # It was a mistake: the same incident goes on, in its message.
    await desk.book.settle(Findings(desk.clock(), begun=one.alerts))
    thread, group, *_ = (await desk.letters())[-1]
    assert (thread, group.alerts) == (one.thread, one.alerts)


async def test_what_changed_since_it_was_asked_is_left_alone(desk: Desk) -> None:
    asked = desk.clock()
    await desk.take(raw())
    (group,) = await desk.book.current()
    late = Findings(asked, ended=group.alerts, mutings={group.id: Muting("s", asked + 60)})
    assert await desk.book.settle(late) == 0
    assert await desk.book.current() == (group,)


async def test_an_incident_stays_in_the_chats_where_it_began(desk: Desk) -> None:
    desk.routes["web1"] = (OPS,)
    await desk.take(raw())
    desk.routes.clear()
    await desk.take(raw(ends=BEGAN + 60))
    assert [chat for *_, chat in await desk.letters()] == [OPS.chat, OPS.chat]


async def test_what_gets_worse_is_told_to_those_who_hear_of_that(desk: Desk) -> None:
    desk.severe["critical"] = (OPS,)
    await desk.take(raw())
    assert [chat for *_, chat in await desk.letters()] == [CHAT.chat]
    await desk.take(raw(labels={"severity": "critical"}))
    assert [chat for *_, chat in await desk.letters()][1:] == [CHAT.chat, OPS.chat]
    await desk.take(raw(ends=BEGAN + 60), raw(labels={"severity": "critical"}, ends=BEGAN + 60))
    assert [chat for *_, chat in await desk.letters()][3:] == [CHAT.chat, OPS.chat]


async def test_a_host_with_thousands_of_disks_holds_up_nothing(desk: Desk) -> None:
    """What a host says can be anything."""
    disks = [raw(labels={"mountpoint": f"/{n}"}, starts=BEGAN + n) for n in range(1000)]
    began = time.monotonic()
    assert await desk.take(*disks) == 1
    assert await desk.take(raw(labels={"mountpoint": "/more"}, starts=BEGAN + 4000)) == 1
    assert time.monotonic() - began < 20
    _, group, *_ = (await desk.letters())[-1]
    assert len(group.firing) == MOST_ALERTS
    assert group.alerts[-1].labels["mountpoint"] == "/more"
    await desk.take(*(raw(labels={"mountpoint": f"/{n}"}, starts=BEGAN + n, ends=BEGAN + 9e3) for n in range(1000)))
    assert (await desk.told())[-1] == "web1 1/200"
    await desk.take(raw(labels={"mountpoint": "/more"}, starts=BEGAN + 4000, ends=BEGAN + 9e3))
    assert (await desk.told())[-1] == "web1 ended"


async def test_nothing_is_kept_of_what_cannot_be_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> bool:
        raise StoreError("the database refused: full")

    with monkeypatch.context() as patched:
        patched.setattr(desk.book._outbox, "put", full)
        with pytest.raises(StoreError):
            await desk.take(raw())
    assert await desk.book.current() == ()
    assert await desk.take(raw()) == 1


async def test_ended_incidents_are_forgotten_after_30_days(desk: Desk) -> None:
    await desk.take(raw(), raw("web2"))
    await desk.take(raw(ends=BEGAN + 60))
    ended, going_on = [group for _, group, *_ in await desk.letters()][-1], (await desk.book.current())[0]
    desk.clock.at += 31 * 86400
    await desk.take(raw("web3", starts=desk.clock.at))
    assert await desk.book.group(ended.id) is None
    assert await desk.book.group(going_on.id) == going_on


HOSTILE = "日本\x00\x1b[31m\u2028\ud800 \u202e" + "x" * 5000


def alerts_of(hostile: str) -> Iterator[Alert]:
    labels = {"mountpoint": hostile, hostile: hostile, **{f"l{number}": "v" for number in range(500)}}
    yield from messages(message(raw(hostile, hostile, labels=labels, annotations={"value": "NaN", "summary": hostile})))


async def test_labels_of_any_length_and_script(desk: Desk) -> None:
    (alert,) = alerts_of(HOSTILE)
    assert (len(alert.host), len(alert.name), len(alert.summary), alert.value) == (200, 200, 1000, None)
    assert len(alert.labels) == 64
    assert not any(character in text for text in alert.labels.values() for character in "\x00\x1b\u2028\ud800")
    await desk.book.receive([alert])
    (group,) = await desk.book.current()
    assert group.alerts == (alert,)
