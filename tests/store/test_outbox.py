"""Which letter goes when: by thread, urgency and age."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.settings import ChatTarget
from orchestrator.store import Database, Letter, Outbox, Priority

OPS, NIGHT = ChatTarget(-100, 42), ChatTarget(7)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    yield database
    await database.close()


@pytest.fixture
async def outbox(database: Database) -> Outbox:
    return Outbox(database, [OPS])


async def put(outbox: Outbox, name: str, **how: Any) -> None:
    assert await outbox.add("alert", {"name": name}, key=name, **how)


async def pick(outbox: Outbox, target: ChatTarget = OPS) -> Letter:
    letter = await outbox.next(target)
    assert letter is not None
    return letter


async def drain(outbox: Outbox, target: ChatTarget = OPS) -> list[str]:
    """Send all that waits; gives what was shown, in order."""
    names: list[str] = []
    while letter := await outbox.next(target):
        names.append(str(letter.payload["name"]))
        await outbox.sent(letter, message_id=letter.shown or 100 + len(names))
    return names


async def test_the_urgent_first_and_replies_last(outbox: Outbox) -> None:
    await put(outbox, "ended", priority=Priority.RESOLVED)
    await put(outbox, "chart", thread="a", reply=True, priority=Priority.INFO)
    await put(outbox, "info", priority=Priority.INFO)
    await put(outbox, "usual")
    await put(outbox, "critical", priority=Priority.CRITICAL)
    await put(outbox, "usual too")
    assert await drain(outbox) == ["critical", "usual", "usual too", "info", "ended", "chart"]


async def test_one_message_a_thread_and_chat(outbox: Outbox) -> None:
    await put(outbox, "fires", thread="a", targets=[OPS, NIGHT, OPS])
    first = await pick(outbox)
    assert (first.shown, first.edits) == (None, False)
    await outbox.sent(first, message_id=5)
    await put(outbox, "top", thread="a", reply=True)
    reply = await pick(outbox)
    assert (reply.shown, reply.edits) == (5, False)
    await outbox.sent(reply, message_id=6)
    await put(outbox, "ends", thread="a", targets=[OPS, NIGHT])
    last = await pick(outbox)
    assert (last.shown, last.edits) == (5, True), "a reply is not the message of its thread"
    assert (await pick(outbox, NIGHT)).shown is None, "each chat has its own"


async def test_what_was_overtaken_is_folded_into_the_newest(outbox: Outbox) -> None:
    await put(outbox, "a fires", thread="a", priority=Priority.CRITICAL)
    early = await pick(outbox)
    await outbox.begin(early)
    await put(outbox, "b fires", thread="b")
    await put(outbox, "a is acked", thread="a", priority=Priority.CRITICAL)
    await put(outbox, "a ends", thread="a", priority=Priority.RESOLVED)
    assert (await pick(outbox)).payload["name"] == "b fires", "what ended is not urgent any more"
    assert await drain(outbox) == ["b fires", "a ends"]
    assert (await outbox.backlog()).waiting == 0


async def test_what_waits_for_a_chat_that_nobody_names_is_no_backlog(outbox: Outbox) -> None:
    await put(outbox, "a", targets=[OPS, NIGHT])
    assert (await outbox.backlog()).waiting == 2
    assert (await outbox.backlog([OPS])).waiting == 1
    gone = await outbox.backlog([ChatTarget(OPS.chat, 99)])
    assert (gone.waiting, gone.since) == (0, None)
    await outbox.set_aside(await pick(outbox, NIGHT), problem="no")
    assert (await outbox.backlog([OPS])).set_aside == 1


async def test_the_newest_is_as_old_and_doubtful_as_what_it_stands_for(outbox: Outbox) -> None:
    await put(outbox, "fires", thread="a")
    early = await pick(outbox)
    await outbox.begin(early)
    await outbox.begin(early)
    await put(outbox, "ends", thread="a", priority=Priority.RESOLVED)
    late = await pick(outbox)
    assert (late.payload["name"], late.unsure) == ("ends", 1), "it may be sent once more"
    assert late.put_at == early.put_at


async def test_a_thread_that_fires_again_is_not_shown_as_ended(outbox: Outbox) -> None:
    await put(outbox, "ends", thread="a", priority=Priority.RESOLVED)
    await put(outbox, "fires again", thread="a", priority=Priority.CRITICAL)
    assert await drain(outbox) == ["fires again"]


async def test_a_pause_holds_for_the_whole_chat(outbox: Outbox) -> None:
    await put(outbox, "usual")
    letter = await pick(outbox)
    await outbox.begin(letter)
    await outbox.not_sent(letter, wait=100)
    await put(outbox, "critical", priority=Priority.CRITICAL)
    late = await pick(outbox)
    assert late.payload["name"] == "critical"
    assert late.next_try > late.put_at.timestamp() + 90


async def test_a_crowd_is_what_begins_threads(database: Database, outbox: Outbox) -> None:
    await put(outbox, "told", thread="told")
    await outbox.sent(await pick(outbox), message_id=1)
    await put(outbox, "edit", thread="told")
    names = [f"a{number}" for number in range(1500)]
    await database.write(lambda tx: [outbox.put(tx, "alert", {"name": name}, key=name, thread=name) for name in names])
    await put(outbox, "chart", thread="a1", reply=True)
    crowd = await outbox.crowd(OPS, "alert")
    assert [letter.payload["name"] for letter in crowd] == names
    assert await outbox.begin(*crowd) == 0
    await outbox.sent(*crowd, message_id=9)
    await put(outbox, "a1 ends", thread="a1")
    assert [(each.payload["name"], each.shown) for each in await outbox.crowd(OPS, "alert")] == [("a1 ends", None)]
    assert await outbox.crowd(OPS, "other") == []


async def test_without_telegram_all_goes_to_the_terminal(database: Database) -> None:
    silent = Outbox(database)
    await put(silent, "a", targets=[OPS])
    assert await silent.next(OPS) is None
    assert [letter.payload["name"] for letter in await silent.since(0)] == ["a"]
