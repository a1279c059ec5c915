"""The Grafana dashboards: a real Prometheus understands each question, and each metric in it is one that exists."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.exposition import exposition
from orchestrator.monitor.meters import Meters
from orchestrator.ssh import Phase
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus, static

FOLDER = Path(__file__).parents[2] / "prometheus"
FILES = sorted((FOLDER / "dashboards").glob("*.json"))
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in FILES}
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
GRAFANA = {"$host": "web1", "$__rate_interval": "60s"}
BY_FACES = {"start_time_seconds", "outbox_messages", "outbox_oldest_age_seconds", "outbox_set_aside"}
BY_FACES |= {"telegram_last_poll_timestamp_seconds", "host_connected", "threshold_ratio"}
ELSEWHERE = {"ALERTS", "scrape_duration_seconds", "up"}  # Prometheus makes them itself
EACH = pytest.mark.parametrize("name", DASHBOARDS)


def panels(name: str) -> list[dict[str, Any]]:
    return list(DASHBOARDS[name]["panels"])


def expressions(name: str) -> Iterator[str]:
    for panel in panels(name):
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (each["expr"] for each in DASHBOARDS[name]["annotations"]["list"])


def plain(expression: str) -> str:
    for variable, value in GRAFANA.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def metrics_of(expression: str) -> set[str]:
    """The names in it that are no functions, labels or words of PromQL."""
    text = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", plain(expression).replace("{", " {"))
    text = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", " ", text)
    functions = set(re.findall(r"([a-z_]+)\s*\(", text))
    return set(NAME.findall(text)) - functions - {"or", "and", "unless", "bool", "by"}


@EACH
def test_panels_stand_side_by_side(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == f"servers-{name}"
    assert {"title", "schemaVersion", "templating", "time", "panels"} <= dashboard.keys()
    assert len({panel["id"] for panel in panels(name)}) == len(panels(name))
    cells: set[tuple[int, int]] = set()
    for panel in panels(name):
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        own = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not own & cells, panel["title"]
        cells |= own
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == [*"ABCD"][: len(panel["targets"])]


def test_links_lead_to_dashboards() -> None:
    known = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
    linked = {uid for path in FILES for uid in re.findall(r"/d/([\w-]+)", path.read_text())}
    assert linked == known


def test_provisioning_names_what_the_dashboards_ask_for() -> None:
    sources = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text())
    providers = yaml.safe_load((FOLDER / "grafana/provisioning/dashboards/servers.yml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    assert [provider["type"] for provider in providers["providers"]] == ["file"]


async def test_prometheus_understands_them(tmp_path: Path) -> None:
    with node_exporter(LOOPBACK) as port:
        (tmp_path / "prometheus").mkdir()
        (tmp_path / "prometheus" / "prometheus.yml").write_text(static({"web1": port}))
        async with prometheus(tmp_path) as (_, client):
            await answers(client, 'node_load1{host="web1"}')
            for name in DASHBOARDS:
                for expression in expressions(name):
                    await client.query(plain(expression))  # raises what Prometheus says against it
            known = await _names(client)
    for name in DASHBOARDS:
        for expression in expressions(name):
            assert metrics_of(expression) - known == set(), expression


async def _names(client: PrometheusClient) -> set[str]:
    """The metrics of a real node_exporter, of ourselves, and of our recording rules."""
    rules: Mapping[str, Any] = yaml.safe_load((FOLDER / "rules" / "hosts.yml").read_text())
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    exported = {series.labels["__name__"] for series in await client.query('{host="web1"}')}
    meters = Meters()
    meters.lags.observe("", 0.1)
    meters.commands.observe("ok", 0.1)
    meters.scrapes.observe("ok", 0.1)
    text = exposition(meters, {Phase.UP: 1}, dict.fromkeys(BY_FACES, ("", 0))).decode()
    own = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    return recorded | exported | own | ELSEWHERE
