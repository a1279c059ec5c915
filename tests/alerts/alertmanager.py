"""A real Alertmanager under our care, and what it tells."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.alerts.alertmanager import Alertmanager, AlertmanagerError
from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.pipeline import Pipeline, Timing
from orchestrator.alerts.token import webhook_token
from orchestrator.alerts.watchdog import Fault
from orchestrator.monitor.alerting import RECEIVER, WATCHDOG
from orchestrator.monitor.alertmanager import OwnAlertmanager, installed_alertmanager
from orchestrator.monitor.server import serving
from orchestrator.monitor.supervise import Programs
from orchestrator.store import Database, Outbox, Preferences
from tests import sshd
from tests.alerts.webhook import stamp

LOOPBACK = "127.0.0.1"
QUICK = Timing(silent_after=2.0, look=0.1, compare_every=0.2, settled=0.0, away_after=1.0, steady_after=0.0)


async def find() -> Programs:
    """The programs of this machine's package."""
    programs = installed_alertmanager()
    assert programs is not None, "apt-get install prometheus-alertmanager"
    return programs


@dataclass
class Bench:
    """Our Alertmanager, what it is asked with, and what we take its messages in with."""

    own: OwnAlertmanager
    client: Alertmanager
    book: AlertBook
    database: Database
    pipeline: Pipeline
    folder: Path
    webhook: tuple[str, int]
    verdicts: list[str] = field(default_factory=list)

    async def fire(self, *alerts: dict[str, Any]) -> None:
        """See `fire`."""
        await fire(self.client, *alerts)

    async def told(self) -> list[str]:
        """Each letter about alerts in short: ``AgentDown web1 firing``, ``AgentDown web1 ended``."""
        rows = await self.database.read(
            lambda tx: tx.execute("SELECT payload FROM outbox WHERE kind = 'alert' ORDER BY id").fetchall()
        )
        groups = [json.loads(row["payload"]) for row in rows]
        return [
            f"{group['alerts'][0]['name']} {group['alerts'][0]['host']} "
            + ("firing" if any(alert["ends_at"] is None for alert in group["alerts"]) else "ended")
            + (" muted" if group["silence"] else "")
            for group in groups
        ]

    async def kinds(self) -> list[str]:
        """The kinds of all other letters."""
        rows = await self.database.read(
            lambda tx: tx.execute("SELECT kind FROM outbox WHERE kind != 'alert' ORDER BY id").fetchall()
        )
        return [row["kind"] for row in rows]


async def fire(client: Alertmanager, *alerts: dict[str, Any]) -> None:
    """Say to Alertmanager what Prometheus would: that alerts fire for ten minutes, or that they have ended."""
    body = [
        {
            "labels": alert["labels"],
            "annotations": alert["annotations"],
            "startsAt": alert["startsAt"],
            "endsAt": stamp(time.time() + 600) if alert["status"] == "firing" else alert["endsAt"],
        }
        for alert in alerts
    ]
    await asyncio.to_thread(_post, f"{client.address}/api/v2/alerts", body)


def _post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def quick(text: str) -> str:
    """alertmanager.yml with shorter times."""
    text = text.replace("group_wait: 1s", "group_wait: 100ms").replace("group_interval: 10s", "group_interval: 500ms")
    return text.replace("group_interval: 30s", "group_interval: 200ms").replace(
        "repeat_interval: 1m", "repeat_interval: 300ms"
    )


@asynccontextmanager
async def bench(
    folder: Path, *, timing: Timing = QUICK, fault: Callable[[], Fault | None] = lambda: None, up: bool = True
) -> AsyncIterator[Bench]:
    """Everything from Alertmanager to the outbox; all of it ends with the block."""
    listen, told = ((LOOPBACK, sshd.free_port(LOOPBACK)) for _ in range(2))
    token = folder / "state" / "alerts-token"
    database = await Database.open(folder / "state" / "db")
    outbox = Outbox(database)
    book = AlertBook(database, outbox, lambda *_: None)
    client = Alertmanager(f"http://{LOOPBACK}:{listen[1]}", timeout=3)
    pipeline = Pipeline(
        book,
        client,
        outbox,
        Preferences(database),
        watchdog=WATCHDOG,
        receiver=RECEIVER,
        own_prometheus=False,
        fault=fault,
        timing=timing,
    )
    verdicts: list[str] = []

    async def tell(problem: str) -> None:
        verdicts.append(problem)

    own = OwnAlertmanager(
        folder / "prometheus",
        folder / "state" / "alertmanager",
        listen=listen,
        told=told,
        token=token,
        find=find,
        tell=tell,
        first_pause=0.1,
    )
    async with serving(told, pipeline.routes(webhook_token(token))):
        _configure(folder, own)
        tasks = [asyncio.create_task(own.run()), asyncio.create_task(pipeline.run())]
        try:
            bench = Bench(own, client, book, database, pipeline, folder, told, verdicts)
            if up:
                await until(lambda: _up(client))
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await database.close()


def _configure(folder: Path, own: OwnAlertmanager) -> None:
    """Our own configuration, edited by somebody in a hurry."""
    (folder / "prometheus").mkdir(parents=True, exist_ok=True)
    path = folder / "prometheus" / "alertmanager.yml"
    if not path.exists():
        path.write_text(quick(own.body))


async def _up(client: Alertmanager) -> bool:
    return await client.started_at() > 0


async def until(condition: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Wait for something that will be true soon; Alertmanager may be away meanwhile."""
    end = time.monotonic() + within
    while True:
        try:
            if await condition():
                return
        except AlertmanagerError:
            pass
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
