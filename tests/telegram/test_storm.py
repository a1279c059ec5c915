"""Hundreds of alerts in a second while Telegram fails in every way it can, and we are killed with -9, twice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests import sshd
from tests.alerts.webhook import message, raw
from tests.telegram.emulator import ANN, Call, Shown, Telegram
from tests.telegram.storm import GROUP, TOKEN
from tests.telegram.test_outbox import REPEATED

MANY = 500
LOST = 3
LINE = re.compile(r"^(firing|ended)\t\w+\tAgentHighCPU\t(h\d+)\t", re.MULTILINE)
SINGLE = re.compile(r"^(🟡|✅) AgentHighCPU · (h\d+)\b")
SAYING = ("sendMessage", "sendDocument", "editMessageText")


@dataclass
class Teller:
    """The process, which can be killed and started again."""

    file: Path
    tg: Telegram
    port: int = field(default_factory=lambda: sshd.free_port("127.0.0.1"))
    kills: int = 0
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ("-m", "tests.telegram.storm", str(self.file), self.tg.url, self.tg.token, str(self.port))
        self.process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=os.environ)

    async def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        self.kills += 1

    def waiting(self) -> int:
        """How many letters are not delivered."""
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as database:
            (count,) = database.execute("SELECT count(*) FROM outbox WHERE done_at IS NULL").fetchone()
            (aside,) = database.execute("SELECT count(*) FROM outbox WHERE problem != ''").fetchone()
        assert not aside, "nothing may be given up"
        return int(count)


@asynccontextmanager
async def teller(tg: Telegram, folder: Path) -> AsyncIterator[Teller]:
    each = Teller(folder / "orchestrator.db", tg)
    await each.start()
    try:
        yield each
    finally:
        if each.process and each.process.returncode is None:
            each.process.kill()
            await each.process.wait()


async def post(session: aiohttp.ClientSession, port: int, body: bytes) -> None:
    """As Alertmanager: again and again until it is taken."""
    while True:
        try:
            async with session.post(
                f"http://127.0.0.1:{port}/alerts", data=body, headers={"Authorization": f"Bearer {TOKEN}"}
            ) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)


async def pour(port: int, *, ended: bool) -> float:
    """One message an alert, twenty at once; returns the seconds it took."""
    began, now = time.monotonic(), time.time()
    bodies = [
        message(raw(f"h{n}", starts=now - 60 - n, ends=now - 1 if ended else None, fingerprint=f"{n + 1:016x}"))
        for n in range(MANY)
    ]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session:
        await asyncio.gather(*(post(session, port, body) for body in bodies))
    return time.monotonic() - began


async def until(condition: Callable[[], bool], within: float) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def trouble(tg: Telegram) -> None:
    """What a bad minute brings, in some seconds."""
    for method in ("sendMessage", "sendDocument"):
        tg.refuse(method, 429, "Too Many Requests", retry_after=1, times=2)
        tg.refuse(method, 502, "Bad Gateway", times=2)
    tg.proxy.lose_answer("sendDocument", times=2)
    await asyncio.sleep(1.5)  # how long that lasts
    await tg.proxy.silence()
    await asyncio.sleep(1.0)
    await tg.proxy.speak()
    await tg.proxy.down()
    await asyncio.sleep(1.0)
    tg.break_down("sendDocument", times=2)
    await tg.proxy.up()


def told(items: list[Shown]) -> list[tuple[str, str]]:
    """(state, host) of all that was ever said in a chat, in its order; an end that was told alone says both."""
    found: list[tuple[str, str]] = []
    for item in items:
        for version in item.versions:
            found += [("ended" if mark == "✅" else "firing", host) for mark, host in SINGLE.findall(version)]
        if item.document:
            found += LINE.findall(item.document[1].decode())
    return found


def every_one_was_told(items: list[Shown]) -> None:
    states: dict[str, list[str]] = {}
    for state, host in told(items):
        states.setdefault(host, []).append(state)
    assert len(states) == MANY
    for host, said in states.items():
        assert said[-1] == "ended", (host, said)
        assert "firing" not in said[said.index("ended") :], (host, said)


def within_the_limits(calls: list[Call], chat: int) -> None:
    """What Telegram's FAQ allows, over all processes: 20 a minute in a group."""
    times = [
        call.at for call in calls if call.method in SAYING and int(call.fields["chat_id"]) == chat and not call.refusal
    ]
    for number, at in enumerate(times):
        assert sum(1 for other in times[number:] if other < at + 60) <= 20


async def test_every_alert_arrives(tg: Telegram, tmp_path: Path) -> None:
    async with teller(tg, tmp_path) as each:
        troubled = asyncio.create_task(trouble(tg))
        pouring = asyncio.create_task(pour(each.port, ended=False))
        await until(lambda: any(call.method in SAYING for call in tg.calls), 20)
        await each.kill()
        await each.start()
        await pouring
        await troubled
        await until(lambda: any(item.document for item in tg.shown.values()), 40)
        pouring = asyncio.create_task(pour(each.port, ended=True))
        await asyncio.sleep(0.5)  # so that it is killed in the middle of the ends
        await each.kill()
        await each.start()
        await pouring
        await until(lambda: not each.waiting(), 90)
    for chat in (ANN.id, GROUP):
        items = tg.in_chat(chat)
        every_one_was_told(items)
        repeated = sum(REPEATED in item.text for item in items)
        assert repeated <= each.kills + LOST, "one a kill, one a lost answer, and one for what silence swallowed"
        assert len(items) < 60, "not one by one"
    within_the_limits(tg.calls, GROUP)
    refusals = Counter(call.refusal for call in tg.calls if call.refusal)
    assert not [refusal for refusal in refusals if "too long" in refusal]
