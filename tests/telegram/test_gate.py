"""Who is served, what is ignored, and how the rest is turned away; over real HTTP."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bot.telegram.gatekeeper import MOST_REMEMBERED, Refusals
from orchestrator.errors import SettingsError
from tests.telegram.emulator import ANN, BOT_NAME, EVE, MEI, Telegram, User
from tests.telegram.face import Running, serving

GROUP = -1001234


async def settled(tg: Telegram) -> None:
    """Wait until everything said so far was taken, and what came of it was shown: a last echo comes after it all."""
    await tg.say(ANN, "/echo last")
    await tg.expect(lambda item: item.text == "last")
    await tg.drained()


async def test_a_command_is_answered(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/echo two words\nand a line")
    shown = await tg.expect(lambda item: item.chat_id == ANN.id)
    assert shown.text == "two words\nand a line"
    request = bot.commands.requests[0]
    assert (request.actor.id, request.actor.name, request.user_id, request.chat_id) == (
        "telegram:1001",
        "Ann",
        1001,
        1001,
    )


@pytest.mark.parametrize("space", [" ", "\n", "\u00a0", "  \n\t"])
async def test_any_space_ends_the_name_of_a_command(tg: Telegram, bot: Running, space: str) -> None:
    await tg.say(ANN, f"/ECHO{space}a\u00a0b")
    await tg.expect(lambda item: item.text == "a\u00a0b")
    assert bot.commands.requests[0].text == "a\u00a0b"


@pytest.mark.usefixtures("bot")
async def test_the_menu_is_in_both_languages(tg: Telegram) -> None:
    menus = await tg.called("setMyCommands", 2)
    assert [menu.fields.get("language_code") for menu in menus] == [None, "zh"]
    assert all("echo" in str(menu.fields["commands"]) for menu in menus)


@pytest.mark.usefixtures("bot")
async def test_only_wanted_updates_are_asked_for(tg: Telegram) -> None:
    (poll, *_) = await tg.called("getUpdates")
    assert poll.fields["allowed_updates"] == '["message", "callback_query"]'


async def test_a_stranger_is_told_once_with_the_own_id(
    tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await tg.say(EVE, "/echo let me in")
    await settled(tg)
    (refusal,) = tg.in_chat(EVE.id)
    assert str(EVE.id) in refusal.text
    assert bot.ran == ["echo last"]
    assert caplog.text.count(f"refused user {EVE.id}") == 1


@pytest.mark.usefixtures("bot")
async def test_a_stranger_reads_the_refusal_in_the_own_language(tg: Telegram) -> None:
    await tg.say(User(7777, "阿明", "zh-TW"), "你好")
    refusal = await tg.expect(lambda item: item.chat_id == 7777)
    assert "7777" in refusal.text
    assert "not allowed" not in refusal.text


@pytest.mark.usefixtures("bot")
async def test_a_strangers_name_cannot_forge_a_log_line(tg: Telegram, caplog: pytest.LogCaptureFixture) -> None:
    await tg.say(User(8888, "Bob\nERROR: all is lost\x1b[31m"), "/echo")
    await tg.expect(lambda item: item.chat_id == 8888)
    assert "\nERROR: all is lost" not in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize("user_id", [1087968824, 136817688, 777000])
async def test_shared_ids_are_refused_even_when_listed(tg: Telegram, tmp_path: Path, user_id: int) -> None:
    allowed = frozenset({ANN.id, user_id})
    async with serving(tg, tmp_path, allowed=allowed) as bot:
        anonymous = User(user_id, "Group", None)
        await tg.say(anonymous, "/echo hi", chat=GROUP, sender_chat={"id": GROUP, "type": "supergroup", "title": "Ops"})
        refusal = await tg.expect(lambda item: item.chat_id == GROUP)
        assert str(user_id) not in refusal.text
        await settled(tg)
        assert bot.ran == ["echo last"]


async def test_a_channel_behind_an_allowed_user_is_refused(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/echo hi", chat=GROUP, sender_chat={"id": -100555, "type": "channel", "title": "News"})
    await settled(tg)
    assert bot.ran == ["echo last"]


FORWARDS: list[dict[str, Any]] = [
    {"forward_origin": {"type": "user", "date": 1, "sender_user": {"id": 6666, "is_bot": False, "first_name": "Eve"}}},
    {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "Somebody"}},
    {"is_automatic_forward": True},
    {"via_bot": {"id": 99, "is_bot": True, "first_name": "Inline", "username": "inline_bot"}},
]


@pytest.mark.parametrize("fields", FORWARDS)
async def test_second_hand_commands_are_ignored(tg: Telegram, bot: Running, fields: dict[str, Any]) -> None:
    await tg.say(ANN, "/echo second hand", **fields)
    await settled(tg)
    assert bot.ran == ["echo last"]
    assert [item.text for item in tg.in_chat(ANN.id)] == ["last"]


@pytest.mark.parametrize("kind", ["edited_message", "channel_post"])
async def test_edited_commands_and_channel_posts_are_ignored(tg: Telegram, bot: Running, kind: str) -> None:
    for user in (ANN, EVE):
        await tg.update({kind: tg.message(user, "/echo edited") | {"edit_date": int(time.time())}})
    await settled(tg)
    assert bot.ran == ["echo last"]
    assert not tg.in_chat(EVE.id)


@pytest.mark.parametrize(
    "update",
    [
        {"edited_message": {"text": "/echo edited", "edit_date": 1}},
        {"message": {"text": "/echo bot", "from": {"id": ANN.id, "is_bot": True, "first_name": "Bot"}}},
        {"message": {"sticker": {"file_id": "x"}, "text": None}},
        {"message": {"new_chat_members": [{"id": 7, "is_bot": True, "first_name": "Fleet"}], "text": None}},
    ],
)
async def test_updates_from_before_the_subscription_are_ignored(
    tg: Telegram, tmp_path: Path, update: dict[str, dict[str, Any]]
) -> None:
    ((kind, fields),) = update.items()
    whole = {name: value for name, value in (tg.message(ANN, "", chat=GROUP) | fields).items() if value is not None}
    await tg.update({kind: whole})
    async with serving(tg, tmp_path) as bot:
        await settled(tg)
        assert bot.ran == ["echo last"]


async def test_inline_queries_and_taps_without_a_message_are_ignored(tg: Telegram, bot: Running) -> None:
    ann = {"id": ANN.id, "is_bot": False, "first_name": "Ann"}
    await tg.update({"inline_query": {"id": "1", "from": ann, "query": "/echo", "offset": ""}})
    tap = {"id": "2", "from": ann, "chat_instance": "1", "inline_message_id": "x", "data": "anything"}
    await tg.update({"callback_query": tap})
    await settled(tg)
    assert bot.ran == ["echo last"]


@pytest.mark.usefixtures("bot")
async def test_an_unreadable_update_does_not_hide_the_next(tg: Telegram, caplog: pytest.LogCaptureFixture) -> None:
    await tg.update({"message": {"text": "no chat, no date"}})
    await settled(tg)
    assert "cannot be read" in caplog.text


async def test_group_topics_and_other_bots(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/echo@other_bot not for us", chat=GROUP)
    await tg.say(ANN, f"/echo@{BOT_NAME.upper()} for us", chat=GROUP, message_thread_id=42, is_topic_message=True)
    shown = await tg.expect(lambda item: item.text == "for us")
    assert (shown.chat_id, shown.topic_id) == (GROUP, 42)
    await tg.say(ANN, "/file in the topic", chat=GROUP, message_thread_id=42, is_topic_message=True)
    document = await tg.expect(lambda item: item.document is not None)
    assert (document.topic_id, document.reply_to) == (42, document.message_id - 1)
    await tg.say(ANN, "just talking", chat=GROUP)
    await tg.say(EVE, "just talking", chat=GROUP)
    await settled(tg)
    assert len(tg.in_chat(GROUP)) == 3
    assert bot.commands.requests[0].topic_id == 42


@pytest.mark.usefixtures("bot")
async def test_a_reply_outside_of_topics_has_no_topic(tg: Telegram) -> None:
    await tg.say(ANN, "/echo hi", chat=GROUP, message_thread_id=42)
    shown = await tg.expect(lambda item: item.text == "hi")
    assert shown.topic_id is None


async def test_talk_in_private_gets_a_hint_and_keys_are_commands(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "how are my hosts?")
    await tg.expect(lambda item: "/help" in item.text)
    await tg.say(ANN, "🖥 Hosts")
    await tg.expect(lambda item: item.text == "nothing")
    assert bot.ran == ["agents"]


@pytest.mark.usefixtures("bot")
async def test_a_tap_does_what_the_button_says(tg: Telegram) -> None:
    await tg.say(ANN, "/ask")
    asked = await tg.expect(lambda item: item.text == "Sure?")
    assert all(len(data) <= 64 for row in asked.buttons for _, data in row)
    tap = await tg.tap(asked, "Yes")
    assert await tg.answered(tap) == ""
    await tg.expect(lambda item: item.text == "did yes {'n': '1'}")
    assert asked.buttons == []


async def test_taps_of_others(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/ask", chat=GROUP)
    asked = await tg.expect(lambda item: item.text == "Sure?")
    by_eve = await tg.tap(asked, "Yes", user=EVE)
    assert str(EVE.id) in await tg.answered(by_eve)
    by_mei = await tg.tap(asked, "Yes", user=MEI)
    assert await tg.answered(by_mei) != ""
    open_by_eve = await tg.tap(asked, "Open", user=EVE)
    assert str(EVE.id) in await tg.answered(open_by_eve)
    assert bot.ran == ["ask"]
    open_by_mei = await tg.tap(asked, "Open", user=MEI)
    assert await tg.answered(open_by_mei) == ""
    await tg.expect(lambda item: item.text == "did open {}")
    assert bot.ran == ["ask", "open"]


async def test_a_strangers_taps_are_answered_at_a_bounded_rate(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/ask", chat=GROUP)
    asked = await tg.expect(lambda item: item.text == "Sure?")
    for _ in range(40):
        await tg.tap(asked, "Yes", user=EVE)
    await settled(tg)
    assert 10 <= len(tg.of("answerCallbackQuery")) <= 15
    assert bot.ran == ["ask", "echo last"]


async def test_a_button_is_used_once_and_made_up_data_does_nothing(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/ask")
    asked = await tg.expect(lambda item: item.text == "Sure?")
    yes, no = (data for _, data in asked.buttons[0])
    first = await tg.tap_data(asked, yes)
    second = await tg.tap_data(asked, no)
    third = await tg.tap_data(asked, "yes")
    assert await tg.answered(first) == ""
    assert await tg.answered(second) != ""
    assert await tg.answered(third) != ""
    await tg.expect(lambda item: item.text == "did yes {'n': '1'}")
    assert bot.ran == ["ask", "yes"]


async def test_a_tap_that_waited_too_long_is_not_carried_out(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/ask")
    asked = await tg.expect(lambda item: item.text == "Sure?")
    await tg.tap(asked, "Yes", too_old=True)
    await tg.expect(lambda item: "too late" in item.text)
    assert bot.ran == ["ask"]


async def test_a_tap_on_a_message_that_telegram_shows_no_more(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/ask")
    asked = await tg.expect(lambda item: item.text == "Sure?")
    message = {"message_id": asked.message_id, "date": 0, "chat": {"id": ANN.id, "type": "private"}}
    sender = {"id": ANN.id, "is_bot": False, "first_name": "Ann"}
    data = asked.buttons[1][0][1]
    tap = {"id": "9", "from": sender, "chat_instance": "1", "message": message, "data": data}
    del tg.shown[ANN.id, asked.message_id]
    await tg.update({"callback_query": tap})
    again = await tg.expect(lambda item: item.text == "did open {}")
    assert again.message_id > asked.message_id
    assert bot.ran == ["ask", "open"]


async def test_nobody_allowed_refuses_to_start(tg: Telegram, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_USERS"):
        async with serving(tg, tmp_path, allowed=frozenset()):
            pass
    assert not tg.calls


def test_refusals_are_bounded_in_time_rate_and_memory() -> None:
    clock = [1000.0]
    refusals = Refusals(lambda: clock[0])
    assert refusals.due(1)
    assert not refusals.due(1)
    assert sum(refusals.due(user) for user in range(2, 1000)) == 9
    clock[0] += 3599
    assert not refusals.due(1)
    clock[0] += 2
    assert refusals.due(1)
    for user in range(10, 3 * MOST_REMEMBERED):
        clock[0] += 2
        assert refusals.due(user)
    assert len(refusals._told) == MOST_REMEMBERED
