"""`orchestrator alerts` and `silence`, against a real Alertmanager, and when there is none."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.receive import messages
from orchestrator.store import Database, Outbox
from tests.alerts.alertmanager import LOOPBACK, bench
from tests.alerts.webhook import message, raw
from tests.cli.command import Ran, orchestrator
from tests.sshd import free_port

HOSTS = (
    "web: {hosts: {web1: {address: 192.0.2.1}, web2: {address: 192.0.2.2}}}\ndb: {hosts: {db1: {address: 192.0.2.3}}}\n"
)


async def home(folder: Path) -> Path:
    """A home in which two alerts fire, and somebody has taken one on."""
    home = folder / "home"
    (home / "inventory").mkdir(parents=True)
    (home / "inventory" / "hosts.yml").write_text(HOSTS)
    database = await Database.open(home / "state" / "orchestrator.db")
    book = AlertBook(database, Outbox(database), lambda *_: None)
    disk = raw(
        "db1", "AgentHighDisk", labels={"mountpoint": "/data\x1b[2J", "severity": "critical"}, starts=time.time()
    )
    await book.receive(messages(message(raw(), disk)))
    first = next(group for group in await book.current() if group.host == "web1")
    await book.acknowledge(first.id, "Ann")
    await database.close()
    return home


async def test_alerts_and_silences(tmp_path: Path) -> None:
    place = await home(tmp_path)
    async with bench(tmp_path / "am") as each:

        async def run(*argv: str) -> Ran:
            settings = {"ALERTMANAGER_URL": each.client.address, "TZ": "Asia/Taipei"}
            return await asyncio.to_thread(orchestrator, place, *argv, **settings)

        told = await run("alerts")
        assert (told.status, told.err) == (0, "")
        head, *rows = [re.split(r" {2,}", line) for line in told.out.splitlines()]
        assert head == ["SEVERITY", "ALERT", "HOST", "OF", "VALUE", "LIMIT", "SINCE"]
        assert [
            "warning",
            "AgentHighCPU",
            "web1",
            "97.0%",
            "80.0%",
            "2023-11-15 06:13 +0800",
            "acknowledged by Ann",
        ] in rows
        assert "\x1b" not in told.out
        assert ["critical", "AgentHighDisk", "db1"] in [row[:3] for row in rows]

        told = await run("alerts", "web", "--json")
        (alert,) = told.json["alerts"]
        assert (alert["host"], alert["severity"], alert["value"], alert["acked_by"]) == ("web1", "warning", 0.97, "Ann")
        await each.fire(raw("web2"))
        told = await run("alerts", "web2")
        assert (told.out, told.status) == ("", 0)
        assert "Alertmanager knows of 1 alert more; is `orchestrator serve` running?" in told.err

        told = await run("silence", "web", "--alert", "AgentHighCPU", "--for", "1h30m", "--comment", "new fans")
        assert told.status == 0
        assert 'host=~"web1|web2", alertname="AgentHighCPU": silenced from ' in told.err
        number = told.err.split()[-1]
        later = (await run("silence", "all", "--from", "2099-01-31 22:00", "--json")).json
        assert later["ends_at"] - later["starts_at"] == 7200
        listed = await run("silence", "--list")
        assert re.search(rf"{number} +active .*AgentHighCPU.*\(new fans\)", listed.out)
        assert re.search(
            rf'{later["id"]} +pending +2099-01-31 22:00 \+0800 +2099-02-01 00:00 \+0800 .*host=~"\.\+"', listed.out
        )

        assert (await run("silence", "--end", number)).status == 0
        assert [one.id for one in await each.client.silences() if one.state != "expired"] == [later["id"]]
        again = await run("silence", "--end", number)
        assert (again.status, "is no silence that lasts" in again.err) == (2, True)

    database = await Database.open(place / "state" / "orchestrator.db")
    intents = await database.read(lambda tx: tx.execute("SELECT summary FROM audit WHERE kind = 'intent'").fetchall())
    await database.close()
    assert [row["summary"].partition(" from ")[0] for row in intents] == [
        'Silence host=~"web1|web2", alertname="AgentHighCPU"',
        'Silence host=~".+", alertname!="Watchdog"',
        f'End the silence {number} of host=~"web1|web2", alertname="AgentHighCPU"',
    ]


async def test_without_an_alertmanager(tmp_path: Path) -> None:
    place = await home(tmp_path)
    nobody = f"http://{LOOPBACK}:{free_port(LOOPBACK)}"
    told = orchestrator(place, "alerts", ALERTMANAGER_URL=nobody)
    assert (told.status, "AgentHighCPU" in told.out) == (4, True)
    assert f"{nobody}: Alertmanager gives no answer: connection refused; this is what was known before" in told.err
    told = orchestrator(place, "silence", "web1", ALERTMANAGER_URL=nobody)
    assert (told.status, told.out) == (4, "")
    assert "gives no answer" in told.err
    for argv, why in (
        (("web1", "--list"), "not one thing to do"),
        (("web1", "--for", "soon"), "is not a duration"),
    ):
        told = orchestrator(place, "silence", *argv, ALERTMANAGER_URL=nobody)
        assert (told.status, why in told.err) == (2, True), told.err
