"""Answers get through: in order, within Telegram's rates, over everything it refuses; measured on real calls."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import RetryAfter

from orchestrator.bot.render.markup import units
from orchestrator.bot.telegram.deliver import MOST_WAITING, Deliverer
from orchestrator.bot.telegram.pace import ALL_CHATS, GROUP_CHAT, PRIVATE_CHAT, Allowance, Rate
from orchestrator.store import Preferences
from tests.telegram.emulator import ANN, MEI, Call, Telegram
from tests.telegram.face import PNG, QUICK, Running, serving

GROUP = -1001234


async def test_order_and_rate_in_a_chat(tg: Telegram, bot: Running) -> None:
    for number in range(6):
        await tg.say(ANN, f"/echo {number}")
    await tg.expect(lambda item: item.text == "5")
    sent = [call for call in tg.of("sendMessage") if int(call.fields["chat_id"]) == ANN.id]
    assert [call.fields["text"] for call in sent] == list("012345")
    assert within_any(sent, 1.0) <= PRIVATE_CHAT.burst + 1
    assert sent[-1].at - sent[0].at > 2.8
    assert bot.ran == [f"echo {number}" for number in range(6)]


async def test_what_is_remembered_of_the_first_does_not_hold_up_one_of_those_behind_it(
    tg: Telegram, bot: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember, pauses = Preferences.set, iter((0.1, 0.5))

    async def slowly(self: Preferences, actor: str, name: str, value: str) -> None:
        await asyncio.sleep(next(pauses, 0))
        await remember(self, actor, name, value)

    monkeypatch.setattr(Preferences, "set", slowly)
    for number in range(4):
        await tg.say(ANN, f"/echo {number}")
    await tg.expect(lambda item: item.text == "3")
    assert [item.text for item in tg.in_chat(ANN.id)] == list("0123")
    assert bot.ran == [f"echo {number}" for number in range(4)]


async def test_fast_edits_become_few_and_the_last_one_shows(tg: Telegram, bot: Running, tmp_path: Path) -> None:
    await tg.say(ANN, "/count 100")
    await tg.expect(lambda item: item.text == "100 of 100", within=15)
    edits = tg.of("editMessageText")
    assert 2 <= len(edits) <= 5
    assert min(b.at - a.at for a, b in pairwise(edits)) > 0.8
    assert bot.ran == ["count 100"]
    database = sqlite3.connect(tmp_path / "orchestrator.db")
    assert database.execute("SELECT count(*) FROM buttons").fetchone() == (1,), "edits reuse the ids of their buttons"
    database.close()


async def test_a_429_holds_only_its_own_chat(tg: Telegram, bot: Running) -> None:
    tg.refuse(
        "sendMessage",
        429,
        "Too Many Requests: retry after 2",
        retry_after=2,
        matches=lambda fields: int(fields["chat_id"]) == ANN.id,
    )
    await tg.say(ANN, "/echo first")
    await tg.say(ANN, "/echo second")
    await tg.called("sendMessage")
    await tg.say(MEI, "/echo other")
    await tg.expect(lambda item: item.text == "other")
    await tg.expect(lambda item: item.text == "second")
    assert [item.text for item in tg.in_chat(ANN.id)] == ["first", "second"]
    refused, other, repeated = [call for call in tg.of("sendMessage") if call.fields["text"] in ("first", "other")]
    assert other.fields["text"] == "other", "between the two"
    assert repeated.at - refused.at >= 2
    assert len(bot.ran) == 3


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_server_errors_are_tried_again(tg: Telegram, bot: Running, status: int) -> None:
    tg.refuse("sendMessage", status, "Bad Gateway", times=4)
    await tg.say(ANN, "/echo through")
    await tg.expect(lambda item: item.text == "through")
    assert len(tg.of("sendMessage")) == 5
    assert len(tg.in_chat(ANN.id)) == 1
    assert bot.ran == ["echo through"]


async def test_a_gateways_page_is_no_answer_of_telegram(tg: Telegram, bot: Running) -> None:
    tg.break_down("sendMessage", times=4)
    tg.break_down("getUpdates", times=2)
    await tg.say(ANN, "/echo through")
    await tg.expect(lambda item: item.text == "through")
    assert len(tg.in_chat(ANN.id)) == 1
    assert bot.ran == ["echo through"]


@pytest.mark.parametrize("text", ["<html>Log in to the network</html>", "{}", "[1]", "null", "", '{"ok": "yes"}'])
async def test_what_a_login_page_makes_up_is_no_answer(tg: Telegram, tmp_path: Path, text: str) -> None:
    for method in ("getMe", "deleteWebhook", "setMyCommands", "getUpdates", "sendMessage"):
        tg.break_down(method, page=web.HTTPOk, text=text)
    async with serving(tg, tmp_path) as bot:
        await tg.say(ANN, "/echo through")
        await tg.expect(lambda item: item.text == "through")
        await tg.called("setMyCommands", 3)
        assert bot.ran == ["echo through"]


async def test_a_403_is_dropped_and_logged(tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture) -> None:
    blocked = "Forbidden: bot was blocked by the user"
    tg.refuse("sendMessage", 403, blocked, times=3, matches=lambda fields: int(fields["chat_id"]) == ANN.id)
    for _ in range(3):
        await tg.say(ANN, "/echo lost")
    await tg.say(MEI, "/echo fine")
    await tg.expect(lambda item: item.text == "fine")
    await tg.say(ANN, "/echo allowed again")
    await tg.expect(lambda item: item.text == "allowed again")
    assert len(tg.of("sendMessage")) == 5
    assert caplog.text.count("bot was blocked by the user") == 1
    assert len(tg.in_chat(ANN.id)) == 1
    assert len(bot.ran) == 5


@pytest.mark.usefixtures("bot")
async def test_markup_that_telegram_cannot_read_goes_out_as_text(tg: Telegram) -> None:
    await tg.say(ANN, "/echo <b>1 &lt; 2")
    await tg.expect(lambda item: item.html == "1 < 2")
    refused, plain = tg.of("sendMessage")
    assert "can't parse entities" in refused.refusal
    assert "parse_mode" not in plain.fields


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("letter", ["x", "字", "😀"])
async def test_a_text_beyond_the_limit_is_cut_and_says_so(tg: Telegram, letter: str) -> None:
    await tg.say(ANN, f"/echo <b>{letter * 4097}</b>")
    shown = await tg.expect(lambda item: item.text.startswith(letter))
    assert 4000 < units(shown.text) <= 4096
    assert "✂" in shown.text
    await tg.say(ANN, f"/echo <b>{letter * 2048}</b>")
    whole = await tg.expect(lambda item: item.text == letter * 2048)
    assert whole.html.startswith("<b>")


@pytest.mark.usefixtures("bot")
async def test_an_edit_that_changes_nothing_is_no_failure(tg: Telegram, caplog: pytest.LogCaptureFixture) -> None:
    await tg.say(ANN, "/same")
    (edit,) = await tg.called("editMessageText")
    assert "not modified" in edit.refusal
    await tg.say(ANN, "/echo next")
    await tg.expect(lambda item: item.text == "next")
    assert "not delivered" not in caplog.text
    assert len(tg.in_chat(ANN.id)) == 2


@pytest.mark.parametrize("reason", ["message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"])
async def test_a_message_that_is_gone_is_sent_anew(tg: Telegram, bot: Running, reason: str) -> None:
    await tg.say(ANN, "/wait")
    first = await tg.expect(lambda item: item.text == "running")
    tg.refuse("editMessageText", 400, f"Bad Request: {reason}")
    bot.commands.hold.set()
    again = await tg.expect(lambda item: item.text == "done")
    assert again.message_id > first.message_id


async def test_a_lost_answer_is_repeated_once_and_edits_follow_the_repeat(tg: Telegram, bot: Running) -> None:
    tg.proxy.lose_answer("sendMessage")
    await tg.say(ANN, "/wait")
    await tg.expect(lambda _: len(tg.in_chat(ANN.id)) == 2)
    bot.commands.hold.set()
    await tg.expect(lambda item: item.text == "done")
    assert [item.text for item in tg.in_chat(ANN.id)] == ["running", "done"]
    assert bot.ran == ["wait"], "the command itself is never repeated"


async def test_answers_lost_twice_are_not_repeated_for_ever(
    tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture
) -> None:
    tg.proxy.lose_answer("sendMessage", 2)
    await tg.say(ANN, "/echo doubtful")
    await tg.say(ANN, "/echo next")
    await tg.expect(lambda item: item.text == "next")
    assert [item.text for item in tg.in_chat(ANN.id)] == ["doubtful", "doubtful", "next"]
    assert caplog.text.count("was not delivered") == 1
    assert len(bot.ran) == 2


@pytest.mark.usefixtures("bot")
async def test_a_lost_answer_to_an_edit_is_simply_repeated(tg: Telegram) -> None:
    tg.proxy.lose_answer("editMessageText", 3)
    await tg.say(ANN, "/count 2")
    await tg.called("editMessageText", 4)
    await tg.say(ANN, "/echo next")
    await tg.expect(lambda item: item.text == "next")
    assert [item.text for item in tg.in_chat(ANN.id)] == ["2 of 2", "next"]


@pytest.mark.usefixtures("bot")
async def test_a_document_replies_to_its_text(tg: Telegram) -> None:
    await tg.say(ANN, "/file line\x00 one")
    document = await tg.expect(lambda item: item.document is not None)
    assert document.document == ("all.txt", b"line\x00 one")
    assert document.silent
    text = await tg.expect(lambda item: item.text == "see the file")
    assert document.reply_to == text.message_id


@pytest.mark.usefixtures("bot")
async def test_a_document_beyond_the_limit_is_said_to_be(tg: Telegram) -> None:
    await tg.say(ANN, "/huge")
    await tg.expect(lambda item: "50 MB" in item.text)
    assert tg.of("sendDocument") == []


async def test_a_message_without_its_buttons_is_better_than_none(
    tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture
) -> None:
    await bot.database.write(lambda tx: tx.execute("DROP TABLE buttons"))
    await tg.say(ANN, "/ask")
    shown = await tg.expect(lambda item: item.text == "Sure?")
    assert shown.labels == []
    assert "without its buttons" in caplog.text


@pytest.mark.usefixtures("bot")
async def test_a_group_that_became_a_supergroup_is_followed(tg: Telegram) -> None:
    tg.refuse(
        "sendMessage",
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        migrate_to_chat_id=-100777,
        matches=lambda fields: int(fields["chat_id"]) == GROUP,
    )
    await tg.say(ANN, "/echo moved", chat=GROUP)
    moved = await tg.expect(lambda item: item.text == "moved")
    assert moved.chat_id == -100777


async def test_a_chat_that_is_refused_for_hours_does_not_grow(caplog: pytest.LogCaptureFixture) -> None:
    made = 0

    async def call() -> int:
        nonlocal made
        made += 1
        raise RetryAfter(3600)

    deliverer = Deliverer(call, QUICK)
    first = deliverer.post(5, call)
    while not made:  # noqa: ASYNC110 - the first call is what is waited for
        await asyncio.sleep(0.01)
    others = [deliverer.post(5, call) for _ in range(3 * MOST_WAITING)]
    assert sum(not other.done() for other in others) == MOST_WAITING - 1
    assert all(other.result() is None for other in others[MOST_WAITING:])
    edits = [deliverer.post(6, call, key="message") for _ in range(1000)]
    assert len(set(edits)) == 1, "edits that wait are one"
    big = [deliverer.post(7, call, size=50_000_000) for _ in range(10)]
    assert sum(not other.done() for other in big) == 2
    await deliverer.close()
    assert first.result() is None
    assert made == 3, "one call a chat, then silence for the hour"
    assert "were not delivered" in caplog.text
    assert deliverer.post(5, call).result() is None, "closed"


@given(st.lists(st.floats(0, 30), max_size=200), st.sampled_from([PRIVATE_CHAT, GROUP_CHAT, ALL_CHATS]))
def test_an_allowance_is_never_exceeded(pauses: list[float], rate: Rate) -> None:
    clock = 0.0
    allowance = Allowance(rate, lambda: clock)
    taken: list[float] = []
    for pause in pauses:
        clock += pause
        if allowance.take():
            taken.append(clock)
        else:
            clock += allowance.wait() * 1.001 + 1e-9
            assert allowance.take(), "it may go after the wait that it asked for"
            taken.append(clock)
    for first, start in enumerate(taken):
        for count, end in enumerate(taken[first:], 1):
            assert count <= rate.burst + (end - start) * rate.per_second + 1e-6


def test_the_rates_are_telegrams() -> None:
    assert PRIVATE_CHAT.per_second <= 1
    assert GROUP_CHAT.burst + 60 * GROUP_CHAT.per_second <= 20
    assert ALL_CHATS.burst + ALL_CHATS.per_second <= 30


def within_any(calls: list[Call], seconds: float) -> int:
    """The most calls in any window so long."""
    return max(sum(0 <= other.at - call.at < seconds for other in calls) for call in calls)


@pytest.mark.usefixtures("bot")
async def test_a_picture_is_sent_changed_and_survives_refusals(tg: Telegram) -> None:
    await tg.say(ANN, "/picture one <b>")
    first = await tg.expect(lambda item: item.picture is not None)
    assert first.text == "one <b>"
    assert first.picture == PNG + b"one <b>"
    await tg.tap(first, "again")
    changed = await tg.expect(lambda item: item.text == "another")
    assert changed.message_id == first.message_id
    assert changed.picture == PNG + b"another"
    # Refused, it leaves its text.
    tg.refuse("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    await tg.say(ANN, "/picture two")
    alone = await tg.expect(lambda item: item.text == "two")
    assert alone.picture is None
    # A lost message is replaced, with its picture.
    del tg.shown[first.chat_id, first.message_id]
    await tg.tap(changed, "again")
    anew = await tg.expect(lambda item: item.text == "another" and item.message_id > alone.message_id)
    assert anew.picture == PNG + b"another"
    # Too long for a caption: cut, and said so.
    await tg.say(ANN, "/picture " + "&" * 2000)
    long = await tg.expect(lambda item: item.text.startswith("&&&"))
    assert units(long.text) == 1024
    assert long.text.endswith("✂ The rest did not fit into a message.")
