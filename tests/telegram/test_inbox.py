"""Each update is acted on at most once and never late, whatever is repeated, interrupted or full."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.telegram.emulator import ANN, Telegram, User
from tests.telegram.face import Running, serving


async def test_a_repeated_update_runs_once(tg: Telegram, tmp_path: Path) -> None:
    update_id = await tg.say(ANN, "/echo once")
    again = {"update_id": update_id, "message": tg.message(ANN, "/echo once")}
    await tg.repeat(again)
    async with serving(tg, tmp_path) as bot:
        await tg.expect(lambda item: item.text == "once")
        await tg.repeat(again)
        await tg.say(ANN, "/echo last")
        await tg.expect(lambda item: item.text == "last")
        assert bot.ran == ["echo once", "echo last"]


async def test_what_ran_before_a_restart_does_not_run_again(tg: Telegram, tmp_path: Path) -> None:
    async with serving(tg, tmp_path) as bot:
        await tg.say(ANN, "/echo before")
        await tg.expect(lambda item: item.text == "before")
    polls = len(tg.of("getUpdates"))
    async with serving(tg, tmp_path) as bot:
        await tg.say(ANN, "/echo after")
        await tg.expect(lambda item: item.text == "after")
        assert tg.of("getUpdates")[polls].fields["offset"] == "0", "a new process asks for all that is unconfirmed"
        assert bot.ran == ["echo after"]


async def test_the_row_is_committed_before_anything_runs(tg: Telegram, bot: Running, tmp_path: Path) -> None:
    update_id = await tg.say(ANN, "/wait")
    await tg.expect(lambda item: item.text == "running")
    # Another connection sees only what is committed.
    other = sqlite3.connect(tmp_path / "orchestrator.db")
    assert other.execute("SELECT count(*) FROM inbox WHERE update_id = ?", (update_id,)).fetchone() == (1,)
    other.close()
    bot.commands.hold.set()


async def test_nothing_runs_while_it_cannot_be_written_down(
    tg: Telegram, bot: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(tmp_path / "orchestrator.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await tg.say(ANN, "/echo one")
    async with asyncio.timeout(20):
        while "could not be taken" not in caplog.text:  # noqa: ASYNC110 - the log is what is waited for
            await asyncio.sleep(0.05)
    assert bot.ran == []
    other.execute("ROLLBACK")
    other.close()
    await tg.expect(lambda item: item.text == "one")
    assert bot.ran == ["echo one"]


async def test_after_downtime_late_commands_are_refused_and_told_so(tg: Telegram, tmp_path: Path) -> None:
    await tg.say(ANN, "/echo old", age=90)
    await tg.say(ANN, "/agents", age=90)
    await tg.say(ANN, "/echo recent", age=40)
    async with serving(tg, tmp_path) as bot:
        refusal = await tg.expect(lambda item: "/echo" in item.text)
        assert not refusal.silent
        await tg.expect(lambda item: item.text == "recent")
        await tg.expect(lambda item: item.text == "nothing")
        assert sorted(bot.ran) == ["agents", "echo recent"]


async def test_a_clock_that_is_behind_refuses_nothing(tg: Telegram, bot: Running) -> None:
    await tg.say(ANN, "/echo early", age=-300)
    await tg.expect(lambda item: item.text == "early")
    assert bot.ran == ["echo early"]


async def test_too_many_at_once_are_told_so_and_can_still_be_stopped(tg: Telegram, tmp_path: Path) -> None:
    people = [User(2000 + number, f"P{number}") for number in range(33)]
    async with serving(tg, tmp_path, allowed=frozenset(user.id for user in people)) as bot:
        for user in people[:32]:
            await tg.say(user, "/wait")
        running = await tg.expect(lambda _: len(tg.shown) == 32)
        await tg.say(people[32], "/wait")
        await tg.expect(lambda item: item.chat_id == 2032 and "running" in item.text and item.labels == [])
        assert len(bot.ran) == 32
        await tg.tap(running, "Stop", user=people[int(running.chat_id) - 2000])
        await tg.expect(lambda _: sum(shown.text == "done" for shown in tg.shown.values()) == 32)
        await tg.say(people[32], "/echo again")
        await tg.expect(lambda item: item.text == "again")
