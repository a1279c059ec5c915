"""A run as lines of text, for a terminal and for a file. What hosts said in them is not cleaned: faces do that."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from orchestrator.inventory.folding import fold
from orchestrator.playbook.events import Diff, Ended, Outcome, PlayStarted
from orchestrator.playbook.story import Alike, TaskStory

_OUTPUT_LINES = 12  # of what a failed command said
_DIFF_LINES = 200
_LONGEST = 1000  # characters of a line of a diff or an output

MARKS: Mapping[Outcome, str] = {
    Outcome.FAILED: "✖",
    Outcome.UNREACHABLE: "⛔",
    Outcome.CHANGED: "±",
    Outcome.OK: "✔",
    Outcome.SKIPPED: "–",
}
"""Worst first."""


class Line(NamedTuple):
    """`kind` says what it is, for colours: ``play``, ``task``, ``trouble``, ``said``, ``host``, ``+``, ``-``, ``@``,
    ``recap``, or nothing. `mark` is a task's, for the same reason."""

    text: str
    kind: str = ""
    mark: str = ""


def play_lines(play: PlayStarted) -> Iterator[Line]:
    """The heading of a play."""
    n = len(play.hosts)
    who = f"{n} host{'s' if n != 1 else ''}{': ' + fold(play.hosts) if n else ''}"
    mode = " (check mode: nothing is changed)" if play.check else ""
    yield Line(f"PLAY {play.name} · {who}{mode}", "play")


def task_lines(task: TaskStory, *, verbose: bool = False) -> Iterator[Line]:
    """An ended task: one line with counts, then what went wrong, what changed, what was said."""
    mark = next((mark for outcome, mark in MARKS.items() if task.hosts(outcome)), "!")
    took = f"  {task.duration:.1f} s" if task.duration is not None and task.duration >= 1 else ""
    title = f"{'handler: ' if task.started.handler else ''}{task.title}"
    yield Line(f"  {mark} {title}  {'  '.join(_counts(task))}{took}", "task", mark)
    troubles = task.troubles
    if troubles:
        yield Line(f"      {task.started.at}", "said")
    for group in troubles:
        yield from _trouble(group)
    for group, diffs in task.diffs:
        yield Line(f"      {group.folded}:", "host")
        rows = [row for diff in diffs for row in unified(diff)]
        for row in rows[:_DIFF_LINES]:
            yield Line(f"        {row[:_LONGEST]}", row[:1] if row[:1] in ("+", "-", "@") else "")
        if len(rows) > _DIFF_LINES:
            yield Line(f"        … {len(rows) - _DIFF_LINES} lines left out")
    if verbose:
        for host, result in task.results.items():
            yield Line(f"      {host}: {json.dumps(dict(result.result), default=str, ensure_ascii=False)}")
    elif task.started.module == "ansible.builtin.debug":
        yield from _debugged(task)


def recap_lines(ended: Ended, *, check: bool = False) -> Iterator[Line]:
    """The end of a run: each host's counts, and what a person must know beyond them."""
    if not ended.recap:
        yield Line("Nothing was done: no host, or no task, was chosen.")
    else:
        yield Line(f"RECAP{' (predicted)' if check else ''}", "play")
        width = max(map(len, ended.recap))
        for host, counts in ended.recap.items():
            numbers = asdict(counts)
            shown = [
                f"{name}={number:<4}"
                for name, number in numbers.items()
                if number or name in ("ok", "changed", "unreachable", "failed")
            ]
            mark = "✖" if counts.failed or counts.unreachable else "±" if counts.changed else "✔"
            yield Line(f"  {host.ljust(width)}  {' '.join(shown).rstrip()}", "recap", mark)
    if ended.aborted:
        yield Line(f"Stopped early: {ended.aborted}", "trouble")
    if ended.not_begun:
        yield Line(f"Nothing was begun on: {fold(ended.not_begun)}", "trouble")
    for host, what in ended.may_be_running.items():
        yield Line(f"{host}: may still be running: {what}", "trouble")


def unified(diff: Diff) -> Iterator[str]:
    """A diff as lines for a reader: unified (diff(1)) from two texts, or what the module prepared."""
    if diff.prepared:
        yield from diff.prepared.splitlines()
        return
    before, after = diff.before.splitlines(), diff.after.splitlines()
    headers = diff.before_header or "before", diff.after_header or "after"
    yield from difflib.unified_diff(before, after, *headers, lineterm="")


def _trouble(group: Alike) -> Iterator[Line]:
    result = group.sample
    ending = " (ignored)" if result.ignored else " (rescued)" if result.rescued else ""
    unsure = ". It may have run there" if result.may_have_run and "may have run" not in result.message else ""
    place = f" -> {result.delegated_to}" if result.delegated_to else ""
    yield Line(f"      {group.folded}{place}: {result.message}{unsure}{ending}", "trouble")
    for stream in ("stdout", "stderr"):
        said = str(result.result.get(stream) or "")
        rows = said.strip("\n").splitlines()
        if not rows or said.strip() in result.message:
            continue
        if len(rows) > _OUTPUT_LINES:
            yield Line(f"        … {len(rows) - _OUTPUT_LINES} lines left out", "said")
        for row in rows[-_OUTPUT_LINES:]:
            yield Line(f"        {row[:_LONGEST]}", "said")


def _debugged(task: TaskStory) -> Iterator[Line]:
    """What ``debug`` was asked to show, the same text of several hosts once."""
    texts: dict[str, list[str]] = {}
    for host, result in task.results.items():
        if result.outcome is Outcome.OK:
            texts.setdefault(_debug(result.result), []).append(host)
    for text, hosts in texts.items():
        first, *rest = text.splitlines() or [""]
        yield Line(f"      {fold(hosts)}: {first}")
        for row in rest:
            yield Line(f"        {row}")


def _debug(result: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in result.items() if key not in ("changed", "failed") and key[:1] != "_"}
    if len(shown) == 1:
        (key, value), *_ = shown.items()
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
        return text if key == "msg" else f"{key}: {text}"
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str)


def _counts(task: TaskStory) -> Iterator[str]:
    """``2 changed web[1-2]``: hosts are named where something changed or went wrong on some of them only."""
    total = len(task.results)
    for outcome in MARKS:
        for ignored in (False, True):
            if hosts := task.hosts(outcome, ignored=ignored):
                named = outcome not in (Outcome.OK, Outcome.SKIPPED) and len(hosts) < total
                where = f" {fold(hosts)}" if named else ""
                yield f"{len(hosts)} {'ignored' if ignored else outcome.value}{where}"
