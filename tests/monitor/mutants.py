"""Alert rules, each changed in one place: what a test of the rules must notice.

A mutant is tried with what it needs of the rules, and with those cases that are about it, so that hundreds of them take
seconds: promtool gets many at once, and says of each whether its cases still hold.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import yaml

Rule = dict[str, Any]
GROUP = 40  # mutants a process of promtool
PROCESSES = 2

_TOKEN = re.compile(
    r"""(?P<string>"[^"]*")|(?P<duration>\b[0-9]+[smhd]\b)|(?P<number>\b[0-9]+(?:\.[0-9]+)?\b)"""
    r"""|(?P<operator>==|!=|>=|=~|!~|[-+*/<>=])|(?P<word>[A-Za-z_][\w:]*)""",
)
_INSTEAD = {
    ">": "<", "<": ">", ">=": "<", "==": "!=", "!=": "=", "=~": "!~", "!~": "=~", "=": "!=",
    "+": "-", "-": "+", "*": "/", "/": "*",
    "and": "unless", "unless": "and", "or": "unless", "sum": "avg", "avg": "max", "count": "sum",
    "by": "without", "rate": "increase", "increase": "rate", "abs": "ceil", "round": "sgn",
    "max_over_time": "min_over_time", "count_over_time": "sum_over_time",
}  # fmt: skip
# What stands in the way of nothing, or only sheds labels of the one series there is.
_LEFT = {"on", "max", "topk", "group_left", "without", "mode", "group", "bool", "offset", "time", "vector",
         "timestamp", "deriv", "quantile", "sum_over_time"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that was changed: what of it, by which name it is known, and how it is now."""

    name: str
    what: str
    number: int
    rule: Rule


def rules_of(files: Iterable[Path]) -> list[Rule]:
    """All rules, in the order in which they are evaluated."""
    return [rule for path in files for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def mutants(rules: Sequence[Rule]) -> Iterator[Mutant]:
    """Every rule with one thing changed."""
    for number, rule in enumerate(rules):
        name = rule.get("alert") or rule["record"]
        for what, changed in _mutations(rule):
            yield Mutant(name, what, number, changed)


def survivors(rules: Sequence[Rule], tried: Iterable[Mutant], cases: Iterable[Path], folder: Path) -> list[Mutant]:
    """Those mutants that no case about them notices."""
    tests = [(yaml.safe_load(path.read_text()), path) for path in sorted(cases)]
    left = list(tried)
    about = {each.number: _about(rules, each.number) for each in left}
    for turn in range(max(map(len, about.values()), default=0)):
        waiting = [each for each in left if turn < len(about[each.number])]
        done = [each for each in left if turn >= len(about[each.number])]
        caught = _run([_written(rules, each, about[each.number][turn], tests, folder) for each in waiting])
        left = done + [each for each, noticed in zip(waiting, caught, strict=True) if not noticed]
    return left


def _mutations(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for at, changed in _changed(rule["expr"]):
        yield f"expr {at}", rule | {"expr": changed}
    for key in ("for", "keep_firing_for"):
        if key in rule:
            yield f"{key} doubled", rule | {key: _doubled(rule[key])}
            yield f"no {key}", {name: value for name, value in rule.items() if name != key}
    for part in ("labels", "annotations"):
        for key, value in rule.get(part, {}).items():
            yield f"{part} {key}", rule | {part: rule[part] | {key: f"{value}x"}}
            break  # promtool compares all of them: one tells for the others


def _changed(promql: str) -> Iterator[tuple[str, str]]:
    for token in _TOKEN.finditer(promql):
        text = token[0]
        if instead := _replacement(token):
            yield f"{token.start()}: {text} -> {instead}", promql[: token.start()] + instead + promql[token.end() :]


def _replacement(token: re.Match[str]) -> str:
    text = token[0]
    match token.lastgroup:
        case "string":
            return '"mutant"' if text != '""' else ""
        case "duration":
            return _doubled(text)
        case "number":
            return f"{float(text) * 1.25:g}" if "." in text else f"{ceil(int(text) * 1.25) or 1}"
        case "operator":
            return _INSTEAD[text]
    if text in _INSTEAD or text in _LEFT:
        return _INSTEAD.get(text, "")
    return f"{text}x"


def _doubled(duration: str) -> str:
    return f"{2 * int(duration[:-1])}{duration[-1]}"


def _about(rules: Sequence[Rule], number: int) -> list[str]:
    """The alerts whose cases tell of a rule: itself, or those that are made of it, the nearest first."""
    if "alert" in rules[number]:
        return [rules[number]["alert"]]
    found: list[str] = []
    level = {rules[number]["record"]}
    metric = rules[number].get("labels", {}).get("metric")
    seen: set[str] = set()
    while level:
        seen |= level
        using = [rule for rule in rules if _names(rule) & level]
        if metric:
            using = [rule for rule in using if f'metric="{metric}"' in rule["expr"]]
        found += [rule["alert"] for rule in using if "alert" in rule and rule["alert"] not in found]
        level = {rule["record"] for rule in using if "record" in rule} - seen
    return found


def _names(rule: Rule) -> set[str]:
    return set(re.findall(r"[a-z]+:[a-z_]+:[a-z_]+", rule["expr"] + str(rule.get("annotations", ""))))


def _needed(rules: Sequence[Rule], alert: str) -> list[int]:
    """The numbers of an alert's rule and of what it is made of."""
    wanted = {number for number, rule in enumerate(rules) if rule.get("alert") == alert}
    while True:
        names = set().union(*(_names(rules[number]) for number in wanted))
        more = {number for number, rule in enumerate(rules) if rule.get("record") in names} - wanted
        if not more:
            return sorted(wanted)
        wanted |= more


def _written(
    rules: Sequence[Rule], mutant: Mutant, alert: str, tests: Sequence[tuple[Mapping[str, Any], Path]], folder: Path
) -> list[Path]:
    """The files of a mutant with the cases of an alert, as promtool wants them."""
    place = folder / f"{mutant.number}-{abs(hash((mutant.what, alert)))}"
    place.mkdir(exist_ok=True)
    numbers = _needed(rules, alert)
    said = mutant.what.startswith("annotations")
    chosen = [_quiet(mutant.rule if number == mutant.number else rules[number], said) for number in numbers]
    groups = [{"name": "all", "rules": chosen}]
    (place / "rules.yaml").write_text(json.dumps({"groups": groups}))
    written = []
    for document, path in tests:
        about = [_only(test, alert, said) for test in document["tests"] if _tells_of(test, alert)]
        if about:
            case = {**document, "rule_files": ["rules.yaml"], "group_eval_order": ["all"], "tests": about}
            (place / path.name).write_text(json.dumps(case))
            written.append(place / path.name)
    assert written, f"no case is about {alert}"
    return written


def _tells_of(test: Mapping[str, Any], alert: str) -> bool:
    return any(each["alertname"] == alert for each in test.get("alert_rule_test", []))


def _quiet(rule: Rule, said: bool) -> Rule:
    """Without what only its words need: promtool is three times as fast."""
    if said or "annotations" not in rule:
        return rule
    return rule | {"annotations": _value_of(rule["annotations"])}


def _value_of(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in annotations.items() if key == "value"}


def _only(test: Mapping[str, Any], alert: str, said: bool) -> dict[str, Any]:
    about = copy.deepcopy([each for each in test["alert_rule_test"] if each["alertname"] == alert])
    for each in () if said else about:
        for expected in each["exp_alerts"]:
            expected["exp_annotations"] = _value_of(expected["exp_annotations"])
    return {**test, "alert_rule_test": about}


def _run(cases: Sequence[Sequence[Path]]) -> list[bool]:
    """For each mutant whether one of its cases fails, or its rules make no sense."""
    batches = [cases[at : at + GROUP] for at in range(0, len(cases), GROUP)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        return [noticed for batch in pool.map(_batch, batches) for noticed in batch]


def _batch(cases: Sequence[Sequence[Path]]) -> list[bool]:
    files = [path for case in cases for path in case]
    argv = ["promtool", "test", "rules", *map(str, files)]
    ended = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    verdicts = dict(re.findall(r"^Unit Testing:  (\S+)\n\s*(SUCCESS|FAILED)", ended.stdout, re.MULTILINE))
    assert len(verdicts) == len(files), ended.stdout[-2000:]
    return [any(verdicts[str(path)] == "FAILED" for path in case) for case in cases]
