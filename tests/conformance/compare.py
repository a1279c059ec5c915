"""Two runs of one playbook side by side: what the judge saw and what we did, task by task and key by key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Any

from tests.conformance.documented import COMMON, documented
from tests.conformance.told import Outcome, Run, Task

_VOLATILE = """
    start end stop delta elapsed atime ctime mtime inode dev device_type rdev version exception
    cache_update_time ssh_fingerprint ssh_public_key
"""
VOLATILE = frozenset(_VOLATILE.split())
"""Keys whose values no two runs share: times, places on the disk, random keys."""

_PASSING = re.compile(
    r"Timestamp|PID|Usec$|USec$|NSec|Usage|Memory|Tasks|CPU|IO|IP|InvocationID|ControlGroup|Job|Status|NeedDaemonReload"
    r"|^Exec(Start|Reload|Stop|Condition)|^Environment$|^NRestarts$|^Result$|^UID$|^GID$|^Transient"
)
"""Properties of a unit in ``status`` that say when, where and at which cost it runs."""

_TOLD_APART = frozenset(("failed", "skipped"))
"""Left out of results by Ansible's callbacks, since the outcome says it."""

_SETS = frozenset(("After", "Before", "Conflicts", "RequiredBy", "Requires", "WantedBy", "Wants"))
"""Properties of a unit that list others in no order."""

_ENDS = {0: (0,), 2: (1,), 4: (4,), 6: (4,)}
"""Exit status of ansible-playbook to ours (README): failed, unreachable, both; others are refusals, our 2."""

_QUOTED = frozenset(("rc", "cmd", "stdout", "stdout_lines", "stderr", "stderr_lines"))
"""What is compared of a command that failed; of all else that failed each program says why in its own words."""

_CHATTY = ("ansible.builtin.apt", "ansible.builtin.dnf", "ansible.builtin.package")
"""What apt prints depends on the terminal it thinks it has, and on how it was asked to predict."""

_ON_TERMINALS = ("ansible.builtin.raw", "ansible.builtin.script")
"""Modules whose errors Ansible mixes into the output, with a word of ssh's own in their place."""

_TEXTUAL = tuple(f"ansible.builtin.{name}" for name in ("copy", "template", "lineinfile", "blockinfile", "replace"))
"""Modules whose diffs are the text of a file before and after."""

_COMMANDS = ("command", "shell", "raw", "script")
_REPLACED = (
    (re.compile(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~"), "~BACKUP"),
    (re.compile(r"^Paused for [\d.]+ "), "Paused for some "),
    (re.compile(r"\r\n"), "\n"),  # of a terminal, which raw and script have there
    (re.compile(r"^/tmp/crontab\S+"), "/tmp/crontab"),
)


class Comparison:
    """Compares runs after replacing what must differ between twins: `steady` are texts with what stands for them.

    What Ansible documents and gives, we must give; we may give more, but for keys whose presence says something.
    Messages of a run in check mode (`predicted`) say in each program's own words what it does not predict.
    """

    def __init__(self, steady: Sequence[tuple[str, str]], *, predicted: bool = False) -> None:
        self._steady = steady
        self._predicted = predicted

    def runs(self, judge: Run, ours: Run) -> list[str]:
        """What differs, a line each; empty when both tell the same story."""
        theirs, mine = _visible(judge.tasks), _visible(ours.tasks)
        left, right = ([_title(task) for task in tasks] for tasks in (theirs, mine))
        found = list(unified_diff(left, right, "tasks of ansible", "ours", lineterm="", n=1))
        if found:
            found += [f"ansible-playbook ends with {judge.status}: {judge.errors[-600:]}", f"we: {ours.errors[-600:]}"]
            found += [
                f"we, {task} on {host}: {_told(how)}"
                for task in mine
                for host, how in task.hosts.items()
                if how.outcome == "failed"
            ]
        if ours.status not in _ENDS.get(judge.status, (2,)):
            found.append(f"ends with {judge.status}, we with {ours.status}")
        found += [
            f"recap of {host}: {judge.recap.get(host)}, we: {ours.recap.get(host)}"
            for host in sorted(judge.recap.keys() | ours.recap.keys())
            if judge.recap.get(host) != ours.recap.get(host)
        ]
        for at, to, length in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
            for one, other in zip(theirs[at : at + length], mine[to : to + length], strict=True):
                found += self._task(one, other)
        return found

    def _task(self, judge: Task, ours: Task) -> Iterator[str]:
        if judge.hosts.keys() != ours.hosts.keys():
            yield f"{judge}: on {sorted(judge.hosts)}, we on {sorted(ours.hosts)}"
        for host in judge.hosts.keys() & ours.hosts.keys():
            left, right = judge.hosts[host], ours.hosts[host]
            # Ansible's callbacks are not told whether an unreachable host was ignored.
            if left.outcome != right.outcome or (left.ignored != right.ignored and left.outcome == "failed"):
                yield f"{judge} on {host}: {_told(left)}, we: {_told(right)}"
                continue
            if judge.module in _TEXTUAL and "results" not in left.result:
                theirs, mine = self._seen(left.diffs), self._seen(right.diffs)
                if theirs and theirs != mine:
                    yield f"{judge} on {host}, diff: {theirs}, we: {mine}"
            failure = {"failed": left.outcome in ("failed", "unreachable"), "skipped": left.outcome == "skipped"}
            yield from self._result(f"{judge} on {host}", judge.module, {**left.result, **failure}, right.result)

    def _result(self, what: str, module: str, judge: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
        keys = (judge.keys() & documented(module) | ours.keys() & COMMON - {"msg", "changed"}) - VOLATILE - _TOLD_APART
        if module in _CHATTY:
            keys -= _QUOTED
        elif module in _ON_TERMINALS:
            keys -= {"stderr", "stderr_lines"}
        if judge.get("failed"):
            keys &= _QUOTED if module.rpartition(".")[2] in _COMMANDS else frozenset()
        elif judge.get("skipped") or self._predicted:
            keys -= {"msg"}
        for key in sorted(keys):
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

    def _seen(self, diffs: Sequence[tuple[str, str]]) -> list[Any]:
        return [self.steady("", list(diff)) for diff in sorted(diffs) if diff[0] != diff[1]]

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
        if key in _SETS:
            return " ".join(sorted(value.split(" ")))
        if key == "failed_when_result":
            return "an error"
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
    if task.name == "Gathering Facts":
        return "facts"
    return f"{task.where} {task.module}{' handler' * task.handler}"


def _told(outcome: Outcome) -> str:
    said = outcome.result.get("msg") or outcome.result.get("stderr") or ""
    return f"{outcome.outcome}{' (ignored)' * outcome.ignored} {str(said)[:300]}".strip()


def _short(value: Any, other: Any) -> str:
    """`value`; of two long mappings only what differs."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        value = {key: item for key, item in value.items() if key not in other or other[key] != item}
    return json.dumps(value)[:600]
