"""Telegram away, silent, hung, occupied or refusing: the face lives on, comes back by itself, or says why it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.bot.telegram.pace import Pace
from orchestrator.bot.telegram.polling import PollingStuck
from orchestrator.errors import SettingsError
from tests.telegram.emulator import ANN, Telegram
from tests.telegram.face import QUICK, Running, serving


async def logged(caplog: pytest.LogCaptureFixture, text: str, within: float = 40.0) -> None:
    """Wait until the log holds `text`."""
    async with asyncio.timeout(within):
        while text not in caplog.text:  # noqa: ASYNC110 - the log is what is waited for
            await asyncio.sleep(0.01)


async def begin_waiting(tg: Telegram, bot: Running) -> None:
    """Let a command run that waits, and knows that its message is there."""
    await tg.say(ANN, "/wait")
    await tg.expect(lambda item: item.text == "running")
    await asyncio.wait_for(bot.commands.waiting.wait(), 40)


async def test_away_at_start(tg: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await tg.proxy.down()
    async with serving(tg, tmp_path) as bot:
        await logged(caplog, "does not answer, trying again until it does")
        before = bot.face.last_poll
        assert before is None
        assert not bot.task.done()
        await tg.proxy.up()
        await tg.say(ANN, "/echo there")
        await tg.expect(lambda item: item.text == "there")
        await tg.say(ANN, "/echo again")
        await tg.expect(lambda item: item.text == "again")
        assert bot.face.last_poll is not None
        assert 0 <= time.time() - bot.face.last_poll < 30
        assert len(tg.of("setMyCommands")) == 2


async def test_away_for_a_while_with_an_answer_to_give(tg: Telegram, bot: Running) -> None:
    await begin_waiting(tg, bot)
    await tg.proxy.down()
    bot.commands.hold.set()
    await tg.say(ANN, "/echo meanwhile")
    await asyncio.sleep(1)  # how long it is away
    assert not bot.task.done()
    await tg.proxy.up()
    await tg.expect(lambda item: item.text == "done")
    await tg.expect(lambda item: item.text == "meanwhile")
    assert len(tg.in_chat(ANN.id)) == 2


async def test_edits_of_a_message_that_is_still_unsent_become_one_message(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/late")
    async with asyncio.timeout(40):
        while not bot.ran:  # noqa: ASYNC110 - the command's start is what is waited for
            await asyncio.sleep(0.01)
    await tg.proxy.down()
    bot.commands.hold.set()
    async with asyncio.timeout(40):
        while len(bot.ran) < 2:  # noqa: ASYNC110 - the command's end is what is waited for
            await asyncio.sleep(0.01)
    await tg.proxy.up()
    shown = await tg.expect(lambda item: item.text == "2 of 2")
    assert shown.versions == ["2 of 2"]
    assert len(tg.in_chat(ANN.id)) == 1


async def test_black_hole(tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture) -> None:
    await begin_waiting(tg, bot)
    await tg.proxy.silence()
    bot.commands.hold.set()
    await logged(caplog, "replacing the HTTP client")
    assert not bot.task.done()
    await tg.proxy.speak()
    await tg.expect(lambda item: item.text == "done")
    await tg.say(ANN, "/echo after")
    await tg.expect(lambda item: item.text == "after")
    assert len(tg.in_chat(ANN.id)) == 2


async def test_a_message_into_a_black_hole_is_neither_lost_nor_repeated(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/late")
    async with asyncio.timeout(40):
        while not bot.ran:  # noqa: ASYNC110 - the command's start is what is waited for
            await asyncio.sleep(0.01)
    await tg.proxy.silence()
    bot.commands.hold.set()
    await asyncio.sleep(3 * QUICK.answer)  # how long it is silent
    await tg.proxy.speak()
    await tg.expect(lambda item: item.text == "2 of 2")
    assert len(tg.in_chat(ANN.id)) == 1


@pytest.mark.slow
async def test_an_outage_of_forty_seconds_at_real_speed(tg: Telegram, tmp_path: Path) -> None:
    async with serving(tg, tmp_path, pace=Pace()) as bot:
        await begin_waiting(tg, bot)
        await tg.proxy.down()
        bot.commands.hold.set()
        began = time.monotonic()
        await asyncio.sleep(15)
        await tg.say(ANN, "/echo meanwhile")
        await asyncio.sleep(25)
        await tg.proxy.up()
        await tg.expect(lambda item: item.text == "done", within=35)
        await tg.expect(lambda item: item.text == "meanwhile", within=35)
        assert 40 < time.monotonic() - began < 80
        assert bot.ran == ["wait", "echo meanwhile"]
        assert len(tg.in_chat(ANN.id)) == 2


async def test_polls_that_hang_for_ever_end_the_process(
    tg: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tg.proxy.lose_answer("getUpdates", 1000)
    pace = replace(QUICK, poll=0.0, answer=0.2, wedged_after=0.4)
    with pytest.raises(PollingStuck):
        async with serving(tg, tmp_path, pace=pace) as bot:
            async with asyncio.timeout(20):
                await asyncio.wait([bot.task])
    assert caplog.text.count("replacing the HTTP client") == 6


async def test_polls_that_hang_once_are_cured_by_a_new_client(
    tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture
) -> None:
    tg.proxy.lose_answer("getUpdates", 2)
    await logged(caplog, "replacing the HTTP client")
    await tg.say(ANN, "/echo cured")
    await tg.expect(lambda item: item.text == "cured")
    assert not bot.task.done()


async def test_another_poller_is_named_and_waited_for(
    tg: Telegram, bot: Running, caplog: pytest.LogCaptureFixture
) -> None:
    tg.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request", times=12)
    await tg.say(ANN, "/echo mine again")
    await tg.expect(lambda item: item.text == "mine again")
    assert "another program polls with the same bot token" in caplog.text
    assert "replacing" not in caplog.text
    assert not bot.task.done()


async def test_a_server_without_menus_is_served_all_the_same(tg: Telegram, tmp_path: Path) -> None:
    tg.refuse("setMyCommands", 501, "Not Implemented", times=1000)
    async with serving(tg, tmp_path):
        await tg.say(ANN, "/echo without a menu")
        await tg.expect(lambda item: item.text == "without a menu")
        await tg.called("setMyCommands", 3)


async def test_a_poll_told_to_wait_waits(tg: Telegram, tmp_path: Path) -> None:
    tg.refuse("getUpdates", 429, "Too Many Requests: retry after 1", retry_after=1)
    await tg.say(ANN, "/echo patient")
    async with serving(tg, tmp_path):
        await tg.expect(lambda item: item.text == "patient")
    first, second, *_ = tg.of("getUpdates")
    assert second.at - first.at >= 1


async def test_a_webhook_left_by_another_program_is_removed(tg: Telegram, tmp_path: Path) -> None:
    await tg._update_queues.set_webhook(tg.token, {"url": "https://example.org/hook"})
    async with serving(tg, tmp_path):
        await tg.say(ANN, "/echo ours")
        await tg.expect(lambda item: item.text == "ours")


@pytest.mark.parametrize("status", [401, 404])
async def test_a_rejected_token_is_a_setting_to_mend(tg: Telegram, tmp_path: Path, status: int) -> None:
    tg.refuse("getMe", status, "Unauthorized")
    with pytest.raises(SettingsError, match="BOT_TOKEN") as caught:
        async with serving(tg, tmp_path) as bot:
            await asyncio.wait([bot.task], timeout=40)
    assert tg.token not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_passing_401_is_lived_through_and_a_lasting_one_not(tg: Telegram, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BOT_TOKEN"):
        async with serving(tg, tmp_path) as bot:
            tg.refuse("getUpdates", 401, "Unauthorized", times=3)
            await tg.say(ANN, "/echo alive")
            await tg.expect(lambda item: item.text == "alive")
            tg.refuse("getUpdates", 401, "Unauthorized", times=100)
            async with asyncio.timeout(40):
                await asyncio.wait([bot.task])


async def test_stopping_tells_what_became_of_running_work(tg: Telegram, tmp_path: Path) -> None:
    async with serving(tg, tmp_path) as bot:
        await begin_waiting(tg, bot)
        began = time.monotonic()
        bot.stop.set()
        await asyncio.wait([bot.task], timeout=40)
        assert QUICK.drain <= time.monotonic() - began < 3 * QUICK.drain + 15
    assert [item.text for item in tg.in_chat(ANN.id)] == ["cancelled: the outcome is unknown"]


async def test_stopping_is_bounded_while_telegram_is_away(
    tg: Telegram, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tg, tmp_path) as bot:
        await begin_waiting(tg, bot)
        await tg.proxy.silence()
        bot.commands.hold.set()
        await asyncio.sleep(0.1)  # so that the answer is on its way
        began = time.monotonic()
        bot.stop.set()
        await asyncio.wait([bot.task], timeout=40)
        assert time.monotonic() - began < 30
    assert "1 messages were not delivered" in caplog.text
