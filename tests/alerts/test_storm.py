"""500 alerts at once, and we are killed twice between a commit and its answer: each is told once, and so is its end."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.alerts.alertmanager import Alertmanager
from orchestrator.monitor.alertmanager import OwnAlertmanager
from orchestrator.store import Database
from tests import sshd
from tests.alerts.alertmanager import LOOPBACK, find, fire, quick, until
from tests.alerts.webhook import raw

HOSTS = [f"web{number}" for number in range(500)]
DIES_AFTER = ("80", "170", "inf")  # commits, of each of the processes


async def test_each_once(tmp_path: Path) -> None:
    port, began = sshd.free_port(LOOPBACK), time.time() - 60
    deaths: list[int] = []
    await (await Database.open(tmp_path / "state" / "db")).close()  # its tables are there before anybody looks
    keeping = asyncio.create_task(keep_receiving(tmp_path, port, deaths))
    try:
        async with alertmanager(tmp_path, port) as client:
            await fire(client, *(raw(host, starts=began) for host in HOSTS))
            await until(lambda: all_told(tmp_path, "firing"), within=40)
            assert deaths == [-signal.SIGKILL] * 2
            await fire(client, *(raw(host, starts=began, ends=time.time() - 1) for host in HOSTS))
            await until(lambda: all_told(tmp_path, "ended"), within=40)
            await asyncio.sleep(1)  # two group intervals, in which it would repeat what was not answered
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
    assert told(tmp_path) == Counter({(host, status): 1 for host in HOSTS for status in ("firing", "ended")})


async def keep_receiving(folder: Path, port: int, deaths: list[int]) -> None:
    for commits in DIES_AFTER:
        argv = (sys.executable, "-m", "tests.alerts.receiving", str(folder), str(port), commits)
        process = await asyncio.create_subprocess_exec(*argv)
        try:
            deaths.append(await process.wait())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def alertmanager(folder: Path, port: int) -> AsyncIterator[Alertmanager]:
    async def tell(problem: str) -> None:
        assert problem == ""

    listen = (LOOPBACK, sshd.free_port(LOOPBACK))
    token = folder / "state" / "alerts-token"
    own = OwnAlertmanager(
        folder / "prometheus", folder / "state", listen=listen, told=(LOOPBACK, port), token=token, find=find, tell=tell
    )
    (folder / "prometheus").mkdir()
    (folder / "prometheus" / "alertmanager.yml").write_text(quick(own.body))
    running = asyncio.create_task(own.run())
    client = Alertmanager(f"http://{LOOPBACK}:{listen[1]}")

    async def up() -> bool:
        return await client.started_at() > 0

    try:
        await until(up)
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


async def all_told(folder: Path, status: str) -> bool:
    return sum(1 for _, each in told(folder) if each == status) == len(HOSTS)


def told(folder: Path) -> Counter[tuple[str, str]]:
    """How often each host was said to be in each state."""
    database = sqlite3.connect(folder / "state" / "db")
    try:
        rows = database.execute("SELECT payload FROM outbox").fetchall()
    finally:
        database.close()
    alerts = [json.loads(payload)["alerts"] for (payload,) in rows]
    return Counter((one["host"], "firing" if one["ends_at"] is None else "ended") for (one,) in alerts)
