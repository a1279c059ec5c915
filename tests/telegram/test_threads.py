"""Alerts reach their chats: one message each, the urgent first, many as one, whatever Telegram does meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.bot.language import Locale
from orchestrator.bot.letters import Letters
from orchestrator.bot.message import Document, Message
from orchestrator.bot.render import alerts
from orchestrator.bot.telling import DIGESTS
from orchestrator.settings import ChatTarget
from orchestrator.store import Letter, Outbox, Priority
from tests.bot.test_alerts import fire
from tests.telegram.emulator import ANN, MEI, Telegram
from tests.telegram.face import PNG, Running, serving
from tests.telegram.test_outbox import GROUP, REPEATED, TOPIC, kept

NOW = time.time()


async def _alert(letter: Letter, locale: Locale) -> Message:
    return alerts.alert(AlertGroup.from_json(letter.payload), locale, known=True)


async def _chart(letter: Letter, _: Locale) -> Message | None:
    if letter.payload.get("slow"):
        await asyncio.sleep(3600)
    if letter.payload.get("gone"):
        return None
    return Message("chart", picture=Document("cpu.png", PNG))


LETTERS = Letters({"alert": _alert, "alert.chart": _chart}, DIGESTS)


@asynccontextmanager
async def telling(tg: Telegram, folder: Path, *targets: ChatTarget) -> AsyncIterator[Running]:
    async with serving(tg, folder, targets=targets or [ChatTarget(ANN.id)], letters=LETTERS) as running:
        yield running


@pytest.fixture
async def bot(tg: Telegram, tmp_path: Path) -> AsyncIterator[Running]:
    async with telling(tg, tmp_path) as running:
        yield running


async def tell(
    outbox: Outbox,
    host: str,
    *,
    ended: bool = False,
    number: int = 0,
    targets: Sequence[ChatTarget] | None = None,
    **how: Any,
) -> None:
    """Put in the letter of an alert of a host, as it is now."""
    alert: Alert = fire(host=host, starts_at=NOW - 40, ends_at=NOW if ended else None, **how)
    group = AlertGroup(host, (alert,))
    urgency = {"critical": Priority.CRITICAL, "warning": Priority.WARNING, "info": Priority.INFO}[alert.severity]
    await outbox.add(
        "alert",
        group.to_json(),
        key=f"{host} {ended} {number}",
        thread=group.thread,
        priority=Priority.RESOLVED if ended else urgency,
        targets=targets,
    )


async def chart(outbox: Outbox, host: str, **payload: Any) -> None:
    await outbox.add(
        "alert.chart", payload, key=f"chart {host}", thread=f"alert {host}", reply=True, priority=Priority.INFO
    )


def heads(tg: Telegram, chat: int = ANN.id) -> list[str]:
    """The first line of each message as it is now, without times."""
    return [item.text.partition("\n")[0].partition(" · ended")[0] for item in tg.in_chat(chat)]


async def test_one_message_that_is_edited_and_answered(tg: Telegram, bot: Running) -> None:
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    (first,) = tg.in_chat(ANN.id)
    assert not first.silent
    assert first.labels[-1] == "👤 I look after it"
    await chart(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    _, picture = tg.in_chat(ANN.id)
    assert (picture.picture, picture.reply_to, picture.silent) == (PNG, first.message_id, True)
    await tell(bot.outbox, "web1", ended=True)
    await kept(bot.outbox, 0)
    assert len(tg.in_chat(ANN.id)) == 2, "edited in place"
    assert first.text.startswith("✅ AgentHighCPU · web1 · ended ")
    assert [version[:1] for version in first.versions] == ["🟡", "✅"]
    assert first.labels == ["Chart"]


async def test_a_message_that_somebody_deleted_comes_anew(tg: Telegram, bot: Running) -> None:
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    del tg.shown[ANN.id, tg.in_chat(ANN.id)[0].message_id]
    await tell(bot.outbox, "web1", ended=True)
    await kept(bot.outbox, 0)
    (anew,) = tg.in_chat(ANN.id)
    assert anew.silent
    assert REPEATED not in anew.text
    await tell(bot.outbox, "web1", number=2)
    await kept(bot.outbox, 0)
    assert len(tg.in_chat(ANN.id)) == 1, "and is the one to edit from then on"


async def test_one_that_cannot_be_edited_any_more_comes_anew(tg: Telegram, bot: Running) -> None:
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    tg.refuse("editMessageText", 400, "Bad Request: message can't be edited")
    await tell(bot.outbox, "web1", ended=True)
    await kept(bot.outbox, 0)
    assert heads(tg) == ["🟡 AgentHighCPU · web1 · 97%", "✅ AgentHighCPU · web1"]


async def test_an_edit_survives_outage_and_lost_answers_without_a_double(tg: Telegram, bot: Running) -> None:
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    tg.proxy.lose_answer("editMessageText", times=2)
    tg.refuse("editMessageText", 429, "Too Many Requests", retry_after=1)
    tg.refuse("editMessageText", 502, "Bad Gateway")
    await tell(bot.outbox, "web1", ended=True)
    await kept(bot.outbox, 0)
    assert heads(tg) == ["✅ AgentHighCPU · web1"]


async def test_the_urgent_first_and_what_ended_meanwhile_is_one_message(tg: Telegram, tmp_path: Path) -> None:
    await tg.proxy.down()
    async with telling(tg, tmp_path) as bot:
        await tell(bot.outbox, "held", severity="info")  # under way while the others come
        await asyncio.sleep(0.3)
        await tell(bot.outbox, "short")
        await chart(bot.outbox, "short")
        await tell(bot.outbox, "info", severity="info")
        await tell(bot.outbox, "usual")
        await tell(bot.outbox, "short", ended=True)
        await tell(bot.outbox, "bad", severity="critical")
        await tg.proxy.up()
        await kept(bot.outbox, 0)
    assert [head.split(" · ")[1] for head in heads(tg)[:-1]] == ["held", "bad", "usual", "info", "short"]
    short, picture = tg.in_chat(ANN.id)[-2:]
    assert short.text.splitlines()[1] == "lasted 40 s · at last 97%"
    assert short.versions == [short.text], "its beginning was not told apart"
    assert picture.reply_to == short.message_id


async def test_a_late_one_says_how_late(tg: Telegram, tmp_path: Path) -> None:
    await tg.proxy.down()
    async with telling(tg, tmp_path) as bot:
        await tell(bot.outbox, "web1")
        await bot.database.write(lambda tx: tx.execute("UPDATE outbox SET put_at = put_at - 740"))
        await tell(bot.outbox, "web1", ended=True)
        await tg.proxy.up()
        await kept(bot.outbox, 0)
    (message,) = tg.in_chat(ANN.id)
    assert "⌛ 12 min late: this was at " in message.text


async def test_a_picture_that_does_not_come_holds_up_nothing(
    tg: Telegram, bot: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.bot.letters.COMPOSE_S", 0.2)
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    await chart(bot.outbox, "web1", slow=True)
    await chart(bot.outbox, "nowhere")  # whose alert was never told
    await tell(bot.outbox, "web2")
    await chart(bot.outbox, "web2", gone=True)
    await kept(bot.outbox, 0, set_aside=0)
    assert heads(tg) == ["🟡 AgentHighCPU · web1 · 97%", "🟡 AgentHighCPU · web2 · 97%"]


async def test_a_picture_that_telegram_refuses_is_left_out(tg: Telegram, bot: Running) -> None:
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    tg.refuse("sendPhoto", 400, "Bad Request: IMAGE_PROCESS_FAILED")
    await chart(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    assert [item.text for item in tg.in_chat(ANN.id)][1:] == ["chart"]


async def test_many_at_once_are_one_message_with_a_file(tg: Telegram, tmp_path: Path) -> None:
    await tg.proxy.down()
    async with telling(tg, tmp_path, ChatTarget(GROUP, TOPIC)) as bot:
        for number in range(1, 41):
            await tell(bot.outbox, f"web{number}", severity="critical" if number > 30 else "warning")
        await chart(bot.outbox, "web7")
        await tg.proxy.up()
        await kept(bot.outbox, 0)
        *single, many = tg.in_chat(GROUP)
        assert len(single) <= 1, "what was under way when the others came"
        assert many.text.startswith(f"🔴 {40 - len(single)} alerts · {40 - len(single)} hosts\n🔴 10 × AgentHighCPU")
        assert (many.topic_id, many.silent) == (TOPIC, False)
        assert many.document
        assert many.document[0] == "alerts.txt"
        assert len(many.document[1].decode().splitlines()) == 40 - len(single)
        assert many.labels == ["What fires now"]

        await tell(bot.outbox, "web7", ended=True)
        await kept(bot.outbox, 0)
        newest = tg.in_chat(GROUP)[-1]
        assert newest.text.startswith("✅ AgentHighCPU · web7"), "what was told among many has a message of its own"
        assert newest.silent


async def test_a_chat_that_takes_no_files_gets_the_words(tg: Telegram, tmp_path: Path) -> None:
    await tg.proxy.down()
    tg.refuse("sendDocument", 400, "Bad Request: not enough rights to send documents to the chat")
    async with telling(tg, tmp_path) as bot:
        for number in range(1, 21):
            await tell(bot.outbox, f"web{number}")
        await tg.proxy.up()
        await kept(bot.outbox, 0)
    assert " alerts · " in tg.in_chat(ANN.id)[-1].text


async def test_a_digest_whose_answer_was_lost_is_repeated_once_and_marked(tg: Telegram, tmp_path: Path) -> None:
    await tg.proxy.down()
    async with telling(tg, tmp_path) as bot:
        for number in range(1, 31):
            await tell(bot.outbox, f"web{number}")
        tg.proxy.lose_answer("sendDocument")
        await tg.proxy.up()
        await kept(bot.outbox, 0)
    *_, first, second = tg.in_chat(ANN.id)
    assert (REPEATED in first.text, REPEATED in second.text) == (False, True)


async def test_chats_come_and_go_with_the_inventory(tg: Telegram, tmp_path: Path) -> None:
    async with telling(tg, tmp_path) as bot:
        route = {"targets": [ChatTarget(MEI.id)]}
        await bot.outbox.add("inventory.mended", {"added": "a"}, key="a", **route)  # type: ignore[arg-type]
        await asyncio.sleep(1.2)  # in which it must not be told: nobody has named this chat
        assert not tg.in_chat(MEI.id)
        bot.chats.append(ChatTarget(MEI.id))
        await tg.expect(lambda item: item.chat_id == MEI.id and "added: a" in item.text)
        bot.chats.remove(ChatTarget(MEI.id))
        await asyncio.sleep(1.2)  # until that is seen
        await bot.outbox.add("inventory.mended", {"added": "b"}, key="b", **route)  # type: ignore[arg-type]
        await bot.outbox.add("inventory.mended", {"added": "b"}, key="b2")
        await tg.expect(lambda item: item.chat_id == ANN.id and "added: b" in item.text)
        assert len(tg.in_chat(MEI.id)) == 1


async def test_what_a_chat_of_its_own_refuses_goes_to_the_usual_ones(tg: Telegram, tmp_path: Path) -> None:
    async with telling(tg, tmp_path) as bot:
        bot.chats.append(ChatTarget(MEI.id))
        tg.refuse(
            "sendMessage", 400, "Bad Request: chat not found", times=9, matches=lambda f: int(f["chat_id"]) == MEI.id
        )
        await tell(bot.outbox, "web1", targets=[ChatTarget(MEI.id)])
        await kept(bot.outbox, 0, set_aside=1)
        await tell(bot.outbox, "web1", ended=True, targets=[ChatTarget(MEI.id)])
        await kept(bot.outbox, 0, set_aside=2)
        assert sorted(heads(tg)) == ["⛔ A message could not be delivered", "✅ AgentHighCPU · web1"]


async def test_an_alert_is_rather_told_again_than_never(tg: Telegram, bot: Running) -> None:
    tg.proxy.lose_answer("sendMessage", times=3)
    await tell(bot.outbox, "web1")
    await kept(bot.outbox, 0)
    assert [REPEATED in item.text for item in tg.in_chat(ANN.id)] == [False, True, True, True]
