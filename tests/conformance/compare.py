"""Two runs of one playbook side by side: what the judge saw and what we did, task by task and key by key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

from tests.conformance.documented import documented
from tests.conformance.told import Outcome, Run, Task

VOLATILE = frozenset(
    "start end delta elapsed atime ctime mtime inode dev version exception cache_update_time device_type rdev".split()  # noqa: SIM905
)
"""Keys whose values no two runs share: times, places on the disk, what a program was called for a moment."""

_PASSING = re.compile(
    r"Timestamp|PID|Usec$|USec$|NSec|Usage|Memory|Tasks|CPU|IO|IP|InvocationID|ControlGroup|Job|Status|NeedDaemonReload"
    r"|^Exec(Start|Reload|Stop|Condition)|^Environment$|^NRestarts$|^Result$|^UID$|^GID$|^Transient"
)
"""Properties of a unit in ``status`` that say when, where and at which cost it runs."""

_MESSAGES = ("msg", "stderr", "stderr_lines", "stdout", "stdout_lines")
_REPLACED = ((re.compile(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~"), "~BACKUP"),)


class Comparison:
    """Compares runs after replacing what must differ between twins: `steady` are texts with what stands for them."""

    def __init__(self, steady: Sequence[tuple[str, str]]) -> None:
        self._steady = steady

    def runs(self, judge: Run, ours: Run) -> list[str]:
        """What differs, a line each; empty when both tell the same story."""
        order = self._order(judge, ours)
        if order:
            return [*order, *_trouble(judge, ours)]
        found = [] if judge.status == ours.status else [f"ends with {judge.status}, we with {ours.status}"]
        found += [
            f"recap of {host}: {judge.recap.get(host)}, we: {ours.recap.get(host)}"
            for host in sorted(judge.recap.keys() | ours.recap.keys())
            if judge.recap.get(host) != ours.recap.get(host)
        ]
        pairs = zip(_visible(judge.tasks), _visible(ours.tasks), strict=True)
        found += [line for theirs, mine in pairs for line in self._task(theirs, mine)]
        return found and [*found, *_trouble(judge, ours)]

    def _order(self, judge: Run, ours: Run) -> list[str]:
        left, right = ([_title(task) for task in tasks] for tasks in (_visible(judge.tasks), _visible(ours.tasks)))
        return list(unified_diff(left, right, "tasks of ansible", "ours", lineterm="", n=1))

    def _task(self, judge: Task, ours: Task) -> Iterator[str]:
        if judge.hosts.keys() != ours.hosts.keys():
            yield f"{judge}: on {sorted(judge.hosts)}, we on {sorted(ours.hosts)}"
        for host in judge.hosts.keys() & ours.hosts.keys():
            left, right = judge.hosts[host], ours.hosts[host]
            if (left.outcome, left.ignored) != (right.outcome, right.ignored):
                yield f"{judge} on {host}: {_told(left)}, we: {_told(right)}"
            else:
                yield from self._result(f"{judge} on {host}", judge.module, left.result, right.result)

    def _result(self, what: str, module: str, judge: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
        failed = bool(judge.get("failed")) or "failed_when_result" in judge
        for key in sorted((judge.keys() | ours.keys()) & documented(module) - VOLATILE - {"failed"}):
            if failed and key in _MESSAGES and "failed_when_result" not in judge:
                continue  # why it failed is said in each program's own words
            if key == "results" and isinstance(judge.get(key), list) and isinstance(ours.get(key), list):
                yield from self._items(what, module, judge[key], ours[key])
                continue
            left, right = (self.steady(key, side.get(key, "(no such key)")) for side in (judge, ours))
            if left != right:
                yield f"{what}, {key}: {_short(left, right)}, we: {_short(right, left)}"

    def _items(self, what: str, module: str, judge: Sequence[Any], ours: Sequence[Any]) -> Iterator[str]:
        if len(judge) != len(ours):
            yield f"{what}: {len(judge)} items, we: {len(ours)}"
        for number, (left, right) in enumerate(zip(judge, ours, strict=False)):
            if isinstance(left, Mapping) and isinstance(right, Mapping):
                yield from self._result(f"{what}, item {number}", module, left, right)
            elif left != right:
                yield f"{what}, item {number}: {left!r}, we: {right!r}"

    def steady(self, key: str, value: Any) -> Any:
        """`value` of `key` without what must differ."""
        if isinstance(value, Mapping):
            passing = _PASSING if key == "status" else re.compile(r"\Z\A.")
            kept = {name: item for name, item in value.items() if name not in VOLATILE and not passing.search(name)}
            return {name: self.steady(name, item) for name, item in kept.items()}
        if isinstance(value, list):
            return [self.steady("", item) for item in value]
        if not isinstance(value, str):
            return value
        if key == "src" and ("/ansible-tmp-" in value or "/.ansible_" in value):
            return "(no such key)"  # a file that was there only during the task
        for old, new in self._steady:
            value = value.replace(old, new)
        for pattern, new in _REPLACED:
            value = pattern.sub(new, value)
        return value


def _visible(tasks: Sequence[Task]) -> list[Task]:
    """What of the story is told on hosts: a meta task ends on none."""
    return [task for task in tasks if not task.module.endswith(".meta")]


def _title(task: Task) -> str:
    return f"{'facts' if task.name == 'Gathering Facts' else task.where} {task.module}{' handler' * task.handler}"


def _told(outcome: Outcome) -> str:
    said = outcome.result.get("msg") or outcome.result.get("stderr") or ""
    return f"{outcome.outcome}{' (ignored)' * outcome.ignored} {str(said)[:300]}".strip()


def _short(value: Any, other: Any) -> str:
    """`value`; of two long mappings only what differs."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        value = {key: item for key, item in value.items() if key not in other or other[key] != item}
    return json.dumps(value)[:600]


def _trouble(judge: Run, ours: Run) -> list[str]:
    """The end of what both printed, for whoever looks for the reason."""
    return [f"ansible-playbook said:\n{judge.said[-1500:]}", f"we said:\n{ours.said[-1500:]}"]
