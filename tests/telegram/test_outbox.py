"""The outbox reaches its chats: in order, over outages, lost answers, refusals and a kill -9; nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.bot.telegram.notify import is_refusal
from orchestrator.settings import ChatTarget
from orchestrator.store import Database, Letter, Outbox
from tests.telegram.emulator import ANN, MEI, Telegram
from tests.telegram.face import Running, serving

GROUP, TOPIC = -1001234, 42
MENDED = "inventory.mended"
REPEATED = "whether it arrived before is not known"


@pytest.fixture
async def bot(tg: Telegram, tmp_path: Path) -> AsyncIterator[Running]:
    """A face whose alert chat is ANN's."""
    async with serving(tg, tmp_path, targets=[ChatTarget(ANN.id)]) as running:
        yield running


async def put(outbox: Outbox, *names: str) -> None:
    """A letter for each name, which it shows."""
    for name in names:
        assert await outbox.add(MENDED, {"added": name}, key=name)


async def kept(outbox: Outbox, waiting: int, set_aside: int = 0) -> None:
    """Wait until so many letters wait and were set aside."""
    async with asyncio.timeout(30):
        while ((now := await outbox.backlog()).waiting, now.set_aside) != (waiting, set_aside):  # noqa: ASYNC110 - a table
            await asyncio.sleep(0.02)


def texts(tg: Telegram, chat: int = ANN.id) -> list[str]:
    """The names that a chat was shown, in order."""
    return [item.text.rpartition("added: ")[2].partition("\n")[0] for item in tg.in_chat(chat)]


async def test_in_order_once_and_silent(tg: Telegram, bot: Running) -> None:
    await put(bot.outbox, "a", "b", "c", "d", "e")
    assert not await bot.outbox.add(MENDED, {"added": "a"}, key="a"), "the same event is told once"
    await kept(bot.outbox, 0)
    assert texts(tg) == list("abcde")
    assert all(item.silent for item in tg.in_chat(ANN.id))
    assert "⌛" not in tg.in_chat(ANN.id)[0].text


async def test_each_target_has_its_own_copy_and_language(tg: Telegram, tmp_path: Path) -> None:
    targets = [ChatTarget(MEI.id), ChatTarget(GROUP, TOPIC)]
    async with serving(tg, tmp_path, targets=targets) as bot:
        await bot.preferences.set(f"telegram:{MEI.id}", "language", "zh_TW")
        tg.refuse("sendMessage", 429, "Too Many Requests", retry_after=1, matches=lambda f: int(f["chat_id"]) == GROUP)
        await put(bot.outbox, "web1")
        private = await tg.expect(lambda item: item.chat_id == MEI.id)
        assert "主機清單恢復正常" in private.text
        group = await tg.expect(lambda item: item.chat_id == GROUP)
        assert (group.topic_id, group.text) == (TOPIC, "✅ The inventory is in order again\nadded: web1")
        refused, repeated = [call.at for call in tg.of("sendMessage") if int(call.fields["chat_id"]) == GROUP]
        assert repeated - refused >= 1
        (other,) = [call.at for call in tg.of("sendMessage") if int(call.fields["chat_id"]) == MEI.id]
        assert other < repeated, "a 429 holds its own chat only"
        await kept(bot.outbox, 0)


async def test_an_event_and_its_message_are_one_transaction(bot: Running, tg: Telegram) -> None:
    def fails(tx: sqlite3.Connection) -> None:
        bot.outbox.put(tx, MENDED, {"added": "never"}, key="never")
        raise ValueError("the event could not be written")

    with pytest.raises(ValueError, match="could not be written"):
        await bot.database.write(fails)
    await bot.database.write(lambda tx: bot.outbox.put(tx, MENDED, {"added": "both"}, key="both"))
    await kept(bot.outbox, 0)
    assert texts(tg) == ["both"]


async def test_a_long_outage_loses_nothing(tg: Telegram, bot: Running) -> None:
    await tg.proxy.down()
    await put(bot.outbox, *"abc")
    await asyncio.sleep(1)  # how long it is away
    assert (await bot.outbox.backlog()).waiting == 3
    await tg.proxy.up()
    await kept(bot.outbox, 0)
    assert texts(tg) == list("abc")


async def test_over_a_restart_with_telegram_away_and_late_ones_say_so(tg: Telegram, tmp_path: Path) -> None:
    await tg.proxy.down()
    async with serving(tg, tmp_path, targets=[ChatTarget(ANN.id)]) as bot:
        await put(bot.outbox, *"ab")
        await asyncio.sleep(0.3)  # so that sending is under way
    database = sqlite3.connect(tmp_path / "orchestrator.db")
    database.execute("UPDATE outbox SET put_at = put_at - 86000")  # a day long
    database.commit()
    database.close()
    await tg.proxy.up()
    async with serving(tg, tmp_path, targets=[ChatTarget(ANN.id)]) as bot:
        await kept(bot.outbox, 0)
    assert texts(tg) == list("ab")
    assert "⌛ 23 h late: this was at" in tg.in_chat(ANN.id)[0].text


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_server_errors_are_tried_again(tg: Telegram, bot: Running, status: int) -> None:
    tg.refuse("sendMessage", status, "Bad Gateway", times=3)
    await put(bot.outbox, "a")
    await kept(bot.outbox, 0)
    assert texts(tg) == ["a"]


async def test_a_lost_answer_is_repeated_once_and_marked(tg: Telegram, bot: Running) -> None:
    tg.proxy.lose_answer("sendMessage")
    await put(bot.outbox, "a", "b")
    await kept(bot.outbox, 0)
    assert texts(tg) == ["a", "a", "b"]
    assert [REPEATED in item.text for item in tg.in_chat(ANN.id)] == [False, True, False]


async def test_answers_lost_twice_are_not_repeated_for_ever(tg: Telegram, bot: Running) -> None:
    tg.proxy.lose_answer("sendMessage", times=2)
    await put(bot.outbox, "a", "b")
    await kept(bot.outbox, 0, set_aside=1)
    assert texts(tg)[:3] == ["a", "a", "b"]
    assert "no answer to two sends; it may have arrived" in tg.in_chat(ANN.id)[3].text


async def test_poison_is_set_aside_and_told_and_the_queue_goes_on(tg: Telegram, tmp_path: Path) -> None:
    blocked = ChatTarget(MEI.id)
    tg.refuse(
        "sendMessage",
        403,
        "Forbidden: bot was blocked by the user",
        times=9,
        matches=lambda fields: int(fields["chat_id"]) == MEI.id,
    )
    async with serving(tg, tmp_path, targets=[ChatTarget(ANN.id), blocked]) as bot:
        await put(bot.outbox, "a", "b")
        assert await bot.outbox.add("of.another.version", {}, key="strange")
        await put(bot.outbox, "c")
        told = await tg.expect(lambda item: f"Chat {MEI.id}: Forbidden" in item.text)
        assert not told.silent
        await tg.expect(lambda item: f"Chat {ANN.id}: it cannot be made into a message" in item.text)
        await kept(bot.outbox, 0, set_aside=8)  # 4 and 3 notices for the blocked chat, 1 strange one for the other
        assert texts(tg)[:3] == ["a", "b", "c"]
        assert len(tg.in_chat(ANN.id)) == 3 + 3, "one notice a reason and chat"


async def test_an_administrator_hears_that_the_only_chat_of_alerts_refuses(tg: Telegram, tmp_path: Path) -> None:
    alerts, own = ChatTarget(GROUP), ChatTarget(ANN.id)
    tg.refuse(
        "sendMessage",
        403,
        "Forbidden: bot was kicked from the group chat",
        times=3,
        matches=lambda fields: int(fields["chat_id"]) == GROUP,
    )
    async with serving(tg, tmp_path, targets=[alerts], administrators=[own]) as bot:
        await put(bot.outbox, "a")
        told = await tg.expect(lambda item: f"Chat {GROUP}: Forbidden" in item.text)
        assert told.chat_id == ANN.id
        await kept(bot.outbox, 0, set_aside=2)  # and the news of it for the chat itself
        assert all(map(is_refusal, await bot.outbox.problems(alerts, 0.0)))
        assert await bot.outbox.problems(own, 0.0) == ("",)
        await put(bot.outbox, "b")
        await kept(bot.outbox, 0, set_aside=3)
        await put(bot.outbox, "c")
        await kept(bot.outbox, 0, set_aside=3)
        assert texts(tg, GROUP) == ["c"]
        assert not all(await bot.outbox.problems(alerts, 0.0)), "it takes them again"


async def test_a_notice_whose_markup_is_refused_goes_out_as_text(tg: Telegram, bot: Running) -> None:
    tg.refuse("sendMessage", 400, "Bad Request: can't parse entities: unsupported start tag")
    await put(bot.outbox, "<web1>")
    await kept(bot.outbox, 0)
    assert texts(tg) == ["<web1>"]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from orchestrator.settings import ChatTarget
from orchestrator.store import Database, Outbox

async def main():
    database = await Database.open(Path(sys.argv[1]))
    outbox = Outbox(database, [ChatTarget(1001)])
    await outbox.add("inventory.mended", {"added": "a"}, key="a")
    await outbox.add("inventory.mended", {"added": "b"}, key="b")
    letter = await outbox.next(ChatTarget(1001))
    for _ in range(int(sys.argv[2])):
        await outbox.begin(letter)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("begun", [0, 1, 2])
async def test_killed_in_the_middle_of_a_send(tg: Telegram, tmp_path: Path, begun: int) -> None:
    """Before any: sent once. In the middle of the first: again, marked. In the middle of that: not a third time."""
    arguments = [sys.executable, "-c", KILLED, str(tmp_path / "orchestrator.db"), str(begun)]
    died = await asyncio.to_thread(subprocess.run, arguments, env=os.environ, check=False)
    assert died.returncode == -signal.SIGKILL
    async with serving(tg, tmp_path, targets=[ChatTarget(ANN.id)]) as bot:
        await kept(bot.outbox, 0, set_aside=int(begun == 2))
    shown = tg.in_chat(ANN.id)
    assert [REPEATED in item.text for item in shown[:2]] == [[False, False], [True, False], [False, False]][begun]
    assert texts(tg)[0] == ("b" if begun == 2 else "a")


async def test_a_full_disk_does_not_repeat_what_arrived(tg: Telegram, bot: Running) -> None:
    """The note of a delivery is written as soon as it can be, and until then the letter is not sent again."""
    await bot.database.write(
        lambda tx: tx.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT raise(ABORT, 'disk I/O error'); END"
        )
    )
    await put(bot.outbox, "a", "b")
    await tg.expect(lambda item: "added: a" in item.text)
    await asyncio.sleep(1)  # in which it must not be sent again
    assert texts(tg) == ["a"]
    await bot.database.write(lambda tx: tx.execute("DROP TRIGGER full"))
    await kept(bot.outbox, 0)
    assert texts(tg) == ["a", "b"]


async def test_what_was_delivered_is_forgotten_after_a_week(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "orchestrator.db")
    outbox = Outbox(database, [ChatTarget(ANN.id)])
    await put(outbox, "old", "waiting")
    letter = await outbox.next(ChatTarget(ANN.id))
    assert isinstance(letter, Letter)
    await outbox.sent(letter, message_id=1)
    await database.write(lambda tx: tx.execute("UPDATE outbox SET put_at = put_at - 8 * 86400"))
    await put(outbox, "new")
    assert [each.payload["added"] for each in await outbox.since(0)] == ["waiting", "new"]
    await database.close()


async def test_what_waited_for_a_month_is_given_up_counted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = await Database.open(tmp_path / "orchestrator.db")
    outbox = Outbox(database, [ChatTarget(ANN.id)])
    await put(outbox, "old", "older")
    await database.write(lambda tx: tx.execute("UPDATE outbox SET put_at = put_at - 29 * 86400"))
    await put(outbox, "new")
    await kept(outbox, 3)
    late = await outbox.next(ChatTarget(ANN.id))
    assert isinstance(late, Letter)
    await database.write(lambda tx: tx.execute("UPDATE outbox SET put_at = put_at - 2 * 86400"))
    await put(outbox, "newer")
    await kept(outbox, 2, set_aside=2)
    assert [record.getMessage() for record in caplog.records] == [
        "outbox: given up after 30 days in which Telegram did not take them: 2 messages"
    ]
    await outbox.sent(late, message_id=1)  # it was under way just then
    await kept(outbox, 2, set_aside=1)
    await database.write(lambda tx: tx.execute("UPDATE outbox SET done_at = done_at - 31 * 86400"))
    await put(outbox, "newest")
    assert [each.payload["added"] for each in await outbox.since(0)] == ["new", "newer", "newest"]
    await database.close()
