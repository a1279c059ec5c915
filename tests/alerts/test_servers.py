"""What is said of configurations: ours in the chat, somebody's own in the log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from orchestrator import servers
from orchestrator.alerts import model
from orchestrator.alerts.alertmanager import Alertmanager
from orchestrator.home import Home
from orchestrator.inventory import Host, HostSet
from orchestrator.monitor import alerting
from orchestrator.monitor.alertmanager import OwnAlertmanager
from orchestrator.monitor.configure import snippet
from orchestrator.monitor.prometheus import OwnPrometheus
from orchestrator.monitor.query import Metrics
from orchestrator.servers import (
    Servers,
    Verdicts,
    judge_alertmanager,
    judge_prometheus,
    own_alertmanager,
    own_prometheus,
)
from orchestrator.settings import Settings
from orchestrator.store import Database, Outbox
from tests.alerts.alertmanager import LOOPBACK, bench
from tests.monitor.prometheus import answers, prometheus, static, until
from tests.sshd import free_port


async def test_a_verdict_is_told_when_it_changes(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "state" / "db")
    verdicts = Verdicts(Outbox(database), "alertmanager")
    for problem in ("", "", "bad", "bad", "worse", "", "", "bad"):
        await verdicts.tell(problem)
    rows = await database.read(lambda tx: tx.execute("SELECT * FROM outbox ORDER BY id").fetchall())
    await database.close()
    assert [(row["kind"].partition(".")[2], json.loads(row["payload"]).get("problem", "")) for row in rows] == [
        ("broken", "bad"),
        ("broken", "worse"),
        ("mended", ""),
        ("broken", "bad"),
    ]
    threads = [row["thread"] for row in rows]
    assert threads[0] == threads[1] == threads[2] != threads[3]


async def test_somebodys_own_gets_the_lines_to_add(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = Home(tmp_path)
    async with bench(tmp_path / "theirs") as theirs:
        told = Settings(listen=(LOOPBACK, theirs.webhook[1]))
        await judge_alertmanager(theirs.client, home, told)
        assert "does not tell us" not in caplog.text
        await judge_alertmanager(theirs.client, home, Settings(listen=(LOOPBACK, 8002)))
    assert f"url: http://{LOOPBACK}:8002/alerts" in caplog.text
    assert f'credentials_file: "{tmp_path}/state/alerts-token"' in caplog.text
    nobody = Alertmanager(f"http://{LOOPBACK}:{free_port(LOOPBACK)}")
    asking = asyncio.create_task(judge_alertmanager(nobody, home, told))

    async def said() -> bool:
        return "connection refused" in caplog.text

    await until(said)
    assert not asking.done(), "it is asked until it answers"
    asking.cancel()
    await asyncio.wait([asking])


async def test_somebodys_own_prometheus_gets_the_lines_to_add(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "ASK_AGAIN_S", 0.1)
    home, settings = Home(tmp_path), Settings(listen=(LOOPBACK, 8002))
    edge = Host("edge1", LOOPBACK, direct=True)
    theirs = tmp_path / "theirs" / "prometheus" / "prometheus.yml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text(static({"web1": free_port(LOOPBACK)}))
    async with prometheus(tmp_path / "theirs") as (_, client):
        await answers(client, 'up{host="web1"} == 0')
        await judge_prometheus(Metrics(client), home, settings, HostSet([Host("web1", LOOPBACK)]))
        assert "scrapes none of our hosts" not in caplog.text, "it does, though that one is away"
        rules = f"rule_files:\n  - {tmp_path}/prometheus/rules/*.yml\n"
        assert f"goes by none of our rules, so nothing alerts. Add to it:\n{rules}alerting:\n" in caplog.text
        await judge_prometheus(Metrics(client), home, settings, HostSet([edge]))
        assert f"scrapes none of our hosts. Add to its scrape_configs:\n{snippet(settings.listen)}" in caplog.text
        assert "job_name: orchestrator-direct" in caplog.text

        # As it is told to.
        theirs.write_text(theirs.read_text() + rules)
        await answers(client, 'ALERTS{alertname="Watchdog"}')
        caplog.clear()
        await judge_prometheus(Metrics(client), home, settings, HostSet([Host("web1", LOOPBACK)]))
        assert not caplog.text


async def test_what_is_named_is_not_run(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "state" / "db")
    home, outbox = Home(tmp_path), Outbox(database)

    def named(settings: Settings) -> Servers:
        return Servers(own_prometheus(home, settings, outbox), own_alertmanager(home, settings, outbox))

    both = named(Settings())
    assert isinstance(both.prometheus, OwnPrometheus)
    assert isinstance(both.alertmanager, OwnAlertmanager)
    assert both.fault() is None
    both.alertmanager.problem = "it is away"
    assert str(both.fault()) == "Fault(part=<Part.ALERTMANAGER: 'alertmanager'>, detail='it is away')"
    both.prometheus.problem = "it is away, too"
    assert "it is away, too" in str(both.fault())
    theirs = named(Settings(prometheus_url="http://p", alertmanager_url="http://a"))
    assert (theirs.prometheus, theirs.alertmanager, theirs.fault()) == (None, None, None)
    await database.close()


def test_the_watchdog_has_one_name() -> None:
    assert alerting.WATCHDOG == model.WATCHDOG
