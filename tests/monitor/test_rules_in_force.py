"""Rules in a real Prometheus: written once, judged, copied, taken back; and thresholds that act without a reload."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from orchestrator.app import App
from orchestrator.home import Home
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.configure import NAME, snippet
from orchestrator.monitor.kept import Kept, is_ours
from orchestrator.monitor.meters import Gauges
from orchestrator.monitor.rules import IN_FORCE, RuleFiles, with_copies
from orchestrator.store.thresholds import FLEET
from tests import sshd
from tests.monitor.endpoint import HERE, node_exporter
from tests.monitor.prometheus import LOOPBACK, RULES, answers, prometheus, until
from tests.monitor.test_supervise import pids

MINE = "groups: [{name: mine, rules: [{alert: Mine, expr: vector(%d)}]}]\n"


def quick(jobs: str) -> str:
    """A configuration as a person may write it, that does in a second what takes 15."""
    return (
        "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
        f"rule_files:\n  - rules/*.yml\nscrape_configs:\n{jobs.replace('5s', '1s')}"
    )


async def gone(client: PrometheusClient, promql: str) -> None:
    """Wait until Prometheus gives nothing for an expression."""

    async def nothing() -> bool:
        return not await client.query(promql)

    await until(nothing)


async def test_rules_are_copied_judged_and_kept_whatever_is_edited(tmp_path: Path) -> None:
    told: list[str] = []

    async def tell(problem: str) -> None:
        if not told or told[-1] != problem:
            told.append(problem)

    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / NAME).write_text(quick("  - job_name: x\n"))
    mine = folder / "rules" / "mine.yml"
    async with prometheus(tmp_path, rules=RULES, tell=tell) as (_, client):
        await answers(client, 'ALERTS{alertname="Watchdog",alertstate="firing",host="Server",severity="info"}')
        assert is_ours((folder / "rules" / "hosts.yml").read_text())
        mine.write_text(MINE % 1)
        await answers(client, 'ALERTS{alertname="Mine",alertstate="firing"}')

        mine.write_text("groups: [{name: mine, rules: [{alert: Mine, expr: 'sum('}]}]\n")

        async def refused() -> bool:
            return "parse error" in told[-1] and "mine.yml" in told[-1]

        await until(refused)
        # Also when it has to be started again.
        (first,) = pids(tmp_path)
        os.kill(first, signal.SIGKILL)

        async def another() -> bool:
            return pids(tmp_path) not in ([], [first]) and bool(await client.query('ALERTS{alertname="Mine"}'))

        await until(another)

        mine.write_text(MINE % 2)
        edited = (folder / "rules" / "hosts.yml").read_text().replace("expr: vector(1)", "expr: vector(3)")
        (folder / "rules" / "hosts.yml").write_text(edited)

        async def mended() -> bool:
            return told[-1] == ""

        await until(mended)
        mine.unlink()
        await gone(client, 'ALERTS{alertname="Mine"}')
        assert sorted(path.name for path in (folder / IN_FORCE).iterdir()) == ["hosts.yml", "orchestrator.yml"]
    async with prometheus(tmp_path, rules=RULES) as (_, client):
        await answers(client, 'ALERTS{alertname="Watchdog"}')
        assert (folder / "rules" / "hosts.yml").read_text() == edited


async def test_a_threshold_acts_without_a_reload_and_the_default_when_we_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gauges() -> Gauges:
        return {}

    listen = (LOOPBACK, sshd.free_port(LOOPBACK))
    for name, value in {
        "LISTEN": f"{LOOPBACK}:{listen[1]}",
        "PROMETHEUS_URL": "http://127.0.0.1:9",
        "ALERTMANAGER_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus" / NAME).write_text(quick(snippet(listen)))
    high = 'ALERTS{alertname="AgentHighMemory",alertstate="pending",host="web1"}'
    with node_exporter(HERE) as port:
        host = f"{{address: {HERE}, ansible_connection: local, exporter: '{HERE}:{port}'}}"
        (tmp_path / "inventory" / "hosts.yml").write_text(f"all:\n  hosts:\n    web1: {host}\n")
        async with prometheus(tmp_path, rules=RULES) as (_, client):
            async with App.open(Home(tmp_path), ask_passphrase=lambda _: None) as app, app.listening(gauges):
                await answers(client, 'host:memory_used:ratio{host="web1"}')
                await answers(client, 'host:reachable:bool{host="Server"} == 1')
                (used,) = await client.query('host:memory_used:ratio{host="web1"}')
                await app.thresholds.set(FLEET, "mem", used.points[-1][1] + 0.1, "local:ops")
                await gone(client, high)
                await app.thresholds.set(app.thresholds.scope("web1"), "mem", used.points[-1][1] - 0.1, "local:ops")
                await answers(client, high, within=5)
                await app.thresholds.reset(app.thresholds.scope("web1"), "mem")
                await gone(client, high)
                await app.thresholds.set(app.thresholds.scope("web1"), "mem", 0.99, "local:ops")
                await answers(client, 'host:threshold:ratio{host="web1",metric="mem"} == 0.99', within=5)
            await answers(client, 'host:threshold:ratio{host="web1",metric="mem"} == 0.85', within=15)
            await answers(client, 'ALERTS{alertname="OrchestratorDown"}')


async def test_what_was_edited_while_it_was_judged_is_judged_again(tmp_path: Path) -> None:
    source, in_force = tmp_path / "a.yml", tmp_path / ".in-force.yml"
    source.write_text("good\n")
    judged: list[str] = []

    async def judge(path: Path) -> str:
        judged.append(path.read_text())
        if len(judged) == 1:
            source.write_text("bad\n")
        return "" if judged[-1] == "good\n" else "it is bad"

    in_force.write_text("old\n")
    assert "it is bad" in await Kept(source, in_force, judge).put_in_force("")
    assert judged == ["good\n", "bad\n"]
    assert in_force.read_text() == "old\n"

    async def restless(path: Path) -> str:
        path.write_text(path.read_text() + "more\n")
        return ""

    assert "faster" in await Kept(source, in_force, restless).put_in_force("")
    assert in_force.read_text() == "old\n"


def test_a_checkout_that_is_a_home_keeps_its_own_files(tmp_path: Path) -> None:
    rules = RuleFiles(tmp_path, tmp_path / "rules")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "hosts.yml").write_text("groups: []\n")
    before = rules.stamp()
    rules.provide()
    assert (tmp_path / "rules" / "hosts.yml").read_text() == "groups: []\n"
    assert rules.stamp() == before


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("rule_files:\n  - rules/*.yml\n", "rule_files:\n  - .rules-in-force/*.yml\n"),
        ('rule_files:\n- "rules/*.yml"\n', 'rule_files:\n- ".rules-in-force/*.yml"\n'),
        ("rule_files: [rules/*.yml]\n", "rule_files: [.rules-in-force/*.yml]\n"),
        ("rule_files:\n  - /etc/rules/*.yml\n  - other/rules/*.yml\n", None),
        ("# see rules/*.yml\n", None),
    ],
)
def test_the_copies_are_read_where_the_rules_are_named(written: str, read: str | None) -> None:
    assert with_copies(written) == (read or written)
