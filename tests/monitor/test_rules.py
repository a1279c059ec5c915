"""The alert rules: promtool's own tests of them, and that they tell the same story as charts and thresholds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.alerts.scales import SCALES
from orchestrator.monitor.query import Metric, _expression

RULES = Path(__file__).parents[2] / "prometheus" / "rules"
CASES = Path(__file__).parent / "rules"
FILES = sorted(RULES.glob("*.yml"))


def rules(path: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALL = [rule for path in FILES for rule in rules(path)]
ALERTS = [rule for rule in ALL if "alert" in rule]


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_promtool_agrees(case: Path) -> None:
    told = subprocess.run(["promtool", "test", "rules", case], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_promtool_finds_nothing_against_the_files() -> None:
    told = subprocess.run(["promtool", "check", "rules", *FILES], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_every_alert_fires_and_does_not_fire_and_ends_in_some_case() -> None:
    seen: dict[str, set[str]] = {}
    for case in CASES.glob("*.yml"):
        for group in yaml.safe_load(case.read_text())["tests"]:
            before: dict[str, list[Any]] = {}
            for each in sorted(group.get("alert_rule_test", []), key=lambda each: _seconds(each["eval_time"])):
                name, fire = each["alertname"], [alert["exp_labels"] for alert in each["exp_alerts"]]
                seen.setdefault(name, set()).add("fires" if fire else "does not fire")
                if any(labels not in fire for labels in before.get(name, [])):
                    seen[name].add("ends")
                before[name] = fire
    names = {rule["alert"] for rule in ALERTS}
    assert {name for name in names if seen.get(name) != {"fires", "does not fire", "ends"}} == {"Watchdog"}
    assert set(seen) == names


def _seconds(duration: str | int) -> int:
    """Of Prometheus' durations, such as ``1h30m``."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", str(duration)))


def test_what_every_alert_says() -> None:
    units = {"ratio", "seconds", "count", "per_core", "bytes"}
    for rule in ALERTS:
        said = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
        assert {"summary", "description"} <= said.keys()
        assert ("value" in said) == ("unit" in said), rule["alert"]
        assert said.get("unit", "ratio") in units
        assert said.get("metric", "cpu") in ("cpu", "mem", "disk", "load")


@pytest.mark.parametrize(
    ("metric", "record"),
    [
        (Metric.CPU, "host:cpu_busy:ratio"),
        (Metric.MEMORY, "host:memory_used:ratio"),
        (Metric.DISK, "host:filesystem_used_by_mount:ratio"),
        (Metric.LOAD, "host:load_per_cpu:ratio"),
    ],
)
def test_an_alert_is_about_what_the_chart_shows(metric: Metric, record: str) -> None:
    (rule,) = (rule for rule in ALL if rule.get("record") == record)
    shown = _expression(metric, 'host!=""')
    if metric is Metric.LOAD:  # which is no rate, so it is not there while the host is not
        shown = shown.removeprefix("(").removesuffix(') and on (host) (max by (host) (up{host!=""}) == 1)')
    assert bare(rule["expr"]) == bare(shown)


def bare(promql: str) -> str:
    """Without blanks, and with the matchers of each selector in one order."""
    return re.sub(r"\{([^{}]*)\}", _sorted, re.sub(r"\s+", "", promql))


def _sorted(selector: re.Match[str]) -> str:
    matchers = re.findall(r'\w+(?:=~|!~|!=|=)"[^"]*"', selector[1])
    return "{" + ",".join(sorted(matchers)) + "}"


@pytest.mark.parametrize("metric", SCALES)
def test_a_default_is_the_same_here_and_in_the_rules(metric: str) -> None:
    (rule,) = (
        rule for rule in ALL if rule.get("record") == "host:threshold:ratio" and rule["labels"] == {"metric": metric}
    )
    (default,) = re.findall(r"host:reachable:bool \* 0 \+ ([0-9.]+)\)", rule["expr"])
    assert float(default) == SCALES[metric].default
