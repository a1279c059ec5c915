"""Whether alerts arrive: the Watchdog, Prometheus's presence, and the heartbeat that others miss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from orchestrator.alerts.heartbeat import Heartbeat, beating
from orchestrator.alerts.presence import Presence
from orchestrator.alerts.watchdog import Fault, Part, Watchdog
from orchestrator.store import Database, Outbox, Preferences
from tests.alerts.alertmanager import until
from tests.sshd import free_port


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_the_end_of_an_alert_is_believed_when_prometheus_has_been_there_for_a_while() -> None:
    clock = Clock()
    before, after = 900.0, 1001.0
    ours, theirs = (Presence(expected=expected, monotonic=clock, now=clock) for expected in (True, False))
    assert (ours.away, ours.believed(before), ours.believed(after)) == (True, False, False)
    assert (theirs.away, theirs.believed(before)) == (False, True)  # it may never ask us
    for _ in range(13):
        ours.seen()
        theirs.seen()
        assert ours.believed(before) == theirs.believed(before) == (clock.at >= 1180)
        assert ours.believed(after)
        clock.at += 15
    clock.at += 151
    assert (ours.away, ours.believed(after), theirs.believed(after)) == (True, False, False)
    ours.seen()
    assert (ours.away, ours.believed(after), ours.believed(clock.at)) == (False, False, True)
    for _ in range(3):
        clock.at += 60
        ours.seen()
    assert ours.believed(before)


async def test_a_watchdog_that_is_silent_is_told_once(tmp_path: Path) -> None:
    clock = Clock()
    database = await Database.open(tmp_path / "state" / "db")

    async def diagnose() -> Fault:
        return Fault(Part.PROMETHEUS, "it does not run")

    def begun() -> tuple[Watchdog, asyncio.Task[None]]:
        memory = Preferences(database)
        watchdog = Watchdog(Outbox(database), memory, diagnose, silent_after=300, look=0.01, monotonic=clock)
        return watchdog, asyncio.create_task(watchdog.run())

    async def letters() -> list[str]:
        rows = await database.read(lambda tx: tx.execute("SELECT kind, thread FROM outbox ORDER BY id").fetchall())
        return [row["kind"] for row in rows]

    async def are(*kinds: str) -> bool:
        return await letters() == list(kinds)

    watchdog, task = begun()
    clock.at += 299
    await asyncio.sleep(0.05)
    assert await letters() == []
    clock.at += 2
    await until(lambda: are("alerts.silent"))
    clock.at += 1000
    await asyncio.sleep(0.05)
    assert await are("alerts.silent")
    watchdog.heard()
    await until(lambda: are("alerts.silent", "alerts.heard"))
    assert watchdog.fault is None
    clock.at += 301
    await until(lambda: are("alerts.silent", "alerts.heard", "alerts.silent"))
    task.cancel()
    await asyncio.wait([task])

    # Begun anew it tells nothing twice, and the end of what was told before.
    watchdog, task = begun()
    clock.at += 301
    await asyncio.sleep(0.05)
    watchdog.heard()
    await until(lambda: are(*["alerts.silent", "alerts.heard"] * 2))
    task.cancel()
    await asyncio.wait([task])
    threads = await database.read(lambda tx: tx.execute("SELECT thread FROM outbox ORDER BY id").fetchall())
    first, second = threads[0]["thread"], threads[2]["thread"]
    assert [row["thread"] for row in threads] == [first, first, second, second]
    assert first != second
    await database.close()


@asynccontextmanager
async def elsewhere(status: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """Somebody who misses a heartbeat: where, and what was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port("127.0.0.1")
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/secret-5f2a", asked
    await runner.cleanup()


async def test_the_heart_beats_while_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ailment = ""

    async def how() -> str:
        return ailment

    async with elsewhere() as (url, asked):
        task = asyncio.create_task(Heartbeat(SecretStr(url), how, every=0.02).run())

        async def beaten(number: int) -> bool:
            return len(asked) >= number

        await until(lambda: beaten(3))
        ailment = "Telegram does not answer"

        async def said() -> bool:
            return ailment in caplog.text

        await until(said)
        before = len(asked)
        await asyncio.sleep(0.1)
        assert len(asked) == before
        ailment = ""
        await until(lambda: beaten(before + 1))
        task.cancel()
        await asyncio.wait([task])
    assert set(asked) == {"/secret-5f2a"}
    assert caplog.text.count("no heartbeat to http://127.0.0.1/…: Telegram does not answer") == 1
    assert "goes to http://127.0.0.1/… again" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("status", "why"), [(404, "it answers 404"), (302, "it answers 302"), (None, "the connection failed")]
)
async def test_what_is_not_taken_is_logged_without_the_secret(
    status: int | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def well() -> str:
        return ""

    async def said() -> bool:
        return why in caplog.text

    async with elsewhere(status or 200) as (url, _):
        address = url if status else f"http://127.0.0.1:{free_port('127.0.0.1')}/secret-5f2a"
        async with beating(SecretStr(address), well):
            await until(said)
    assert "secret" not in caplog.text


async def test_without_an_address_no_heart_beats() -> None:
    async def never() -> str:
        raise AssertionError

    async with beating(None, never):
        await asyncio.sleep(0)
