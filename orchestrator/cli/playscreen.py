"""A run of a playbook on the terminal: a live line for the task that goes on, a line for each that ended, a recap."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from orchestrator.cli.output import plural
from orchestrator.fleet import clean, clean_line
from orchestrator.inventory import fold
from orchestrator.playbook.events import Diff, Ended, Event, Outcome, PlayStarted, TaskEnded
from orchestrator.playbook.story import Alike, Story, TaskStory

_NAMED = 3  # hosts still waited for, by name
_OUTPUT_LINES = 12  # of what a failed command said
_DIFF_LINES = 200
_STYLES = {"✖": "red", "⛔": "red", "±": "yellow", "✔": "green", "-": "cyan", "!": "yellow"}
_WORDS = {
    Outcome.FAILED: ("✖", "failed"),
    Outcome.UNREACHABLE: ("⛔", "unreachable"),
    Outcome.CHANGED: ("±", "changed"),
    Outcome.OK: ("✔", "ok"),
    Outcome.SKIPPED: ("-", "skipped"),
}


class PlayScreen:
    """Draws a `Story` as it grows; give it every event. `verbose` also prints each host's whole result."""

    def __init__(self, story: Story, *, verbose: bool = False, check: bool = False) -> None:
        self._story = story
        self._verbose = verbose
        self._check = check
        self._out = Console(highlight=False, markup=False, soft_wrap=True, emoji=False)
        screen = self._out if self._out.is_terminal else Console(stderr=True, highlight=False, markup=False)
        self._spinner = Spinner("dots")
        self._live = Live(self._spinner, console=screen, transient=True, refresh_per_second=8)
        self._shown = screen.is_terminal

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def tell(self, event: Event) -> None:
        """Draw what `event`, which the story has already taken, changed."""
        match event:
            case PlayStarted():
                self._play(event)
            case TaskEnded():
                self._task(self._story.tasks[-1])
            case Ended():
                self._live.stop()
                self._recap(event)
                return
            case _:
                pass
        if self._shown:
            self._spinner.update(text=self._now())

    # -- parts

    def _now(self) -> Text:
        """The live line: which task, how far, who is still waited for and what they say."""
        task = self._story.current
        if task is None:
            return Text("")
        waiting = task.waiting
        text = Text(clean_line(task.started.name, 60))
        text.append(f"  {len(task.started.hosts) - len(waiting)}/{len(task.started.hosts)}", style="bold")
        if 0 < len(waiting) <= _NAMED:
            said = [f"{host} ({clean_line(task.notes[host], 40)})" if host in task.notes else host for host in waiting]
            text.append(f"  waiting for {', '.join(said)}", style="dim")
        elif task.notes:
            host, note = next(reversed(task.notes.items()))
            text.append(f"  {host}: {clean_line(note, 40)}", style="dim")
        return text

    def _play(self, play: PlayStarted) -> None:
        mode = " (check mode: nothing is changed)" if play.check else ""
        self._out.print(
            Text.assemble(
                ("PLAY ", "bold"),
                (clean_line(play.name), "bold"),
                f" · {plural(len(play.hosts), 'host')}{': ' + fold(play.hosts) if play.hosts else ''}{mode}",
            )
        )

    def _task(self, task: TaskStory) -> None:
        mark = next((mark for outcome, (mark, _) in _WORDS.items() if task.hosts(outcome)), "!")
        line = Text.assemble("  ", (mark, _STYLES[mark]), " ", "handler: " if task.started.handler else "")
        line.append(clean_line(task.started.name))
        line.append(f"  {'  '.join(_counts(task))}", style="dim" if mark in "✔-" else "")
        if task.duration is not None and task.duration >= 1:
            line.append(f"  {task.duration:.1f} s", style="dim")
        self._out.print(line)
        for group in task.troubles:
            self._trouble(group)
        for group, diffs in task.diffs:
            self._diff(group, diffs)
        if self._verbose:
            for host, result in task.results.items():
                self._indented(f"{host}: {json.dumps(dict(result.result), default=str, ensure_ascii=False)}")
        elif task.started.module == "ansible.builtin.debug":
            self._said(task)

    def _trouble(self, group: Alike) -> None:
        result = group.sample
        ending = " (ignored)" if result.ignored else " (rescued)" if result.rescued else ""
        unsure = ". It may have run there" if result.may_have_run and "may have run" not in result.message else ""
        self._indented(f"{group.folded}: {clean_line(result.message, 1000)}{unsure}{ending}", style="red")
        for stream in ("stdout", "stderr"):
            said = str(result.result.get(stream) or "")
            rows = said.strip("\n").splitlines()
            if rows and said.strip() not in result.message:
                left_out = [f"… {len(rows) - _OUTPUT_LINES} lines left out"] if len(rows) > _OUTPUT_LINES else []
                for row in [*left_out, *rows[-_OUTPUT_LINES:]]:
                    self._indented(f"  {row}", style="dim")

    def _diff(self, group: Alike, diffs: Iterable[Diff]) -> None:
        self._indented(f"{group.folded}:", style="bold")
        rows = [row for diff in diffs for row in unified(diff)]
        for row in rows[:_DIFF_LINES]:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(row[:1], "")
            self._indented(f"  {row}", style=style)
        if len(rows) > _DIFF_LINES:
            self._indented(f"  … {len(rows) - _DIFF_LINES} lines left out", style="dim")

    def _said(self, task: TaskStory) -> None:
        """What ``debug`` was asked to show, the same text of several hosts once."""
        texts: dict[str, list[str]] = {}
        for host, result in task.results.items():
            if result.outcome is Outcome.OK:
                texts.setdefault(_debug(result.result), []).append(host)
        for text, hosts in texts.items():
            rows = text.splitlines() or [""]
            self._indented(f"{fold(hosts)}: {rows[0]}")
            for row in rows[1:]:
                self._indented(f"  {row}")

    def _recap(self, ended: Ended) -> None:
        if not ended.recap:
            self._out.print("No host took part.")
            return
        predicted = " (predicted)" if self._check else ""
        self._out.print(Text(f"RECAP{predicted}", style="bold"))
        width = max(map(len, ended.recap))
        for host, counts in ended.recap.items():
            row = Text(f"  {host.ljust(width)} ")
            for name in ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored"):
                number = getattr(counts, name)
                bad = name in ("unreachable", "failed")
                style = "" if not number else "red" if bad else "yellow" if name == "changed" else "green"
                if number or name in ("ok", "changed", "unreachable", "failed"):
                    row.append(f" {name}={number:<4}", style=style)
            row.rstrip()
            self._out.print(row)
        if ended.aborted:
            self._out.print(Text(f"Stopped early: {clean_line(ended.aborted, 500)}", style="red"))
        for host, what in ended.may_be_running.items():
            self._out.print(Text(f"{host}: may still be running: {clean_line(what, 500)}", style="red"))

    def _indented(self, text: str, style: str = "") -> None:
        self._out.print(Text(f"      {clean(text)}", style=style))


def unified(diff: Diff) -> Iterator[str]:
    """A diff as lines for a reader: unified (diff(1)) from two texts, or what the module prepared."""
    if diff.prepared:
        yield from diff.prepared.splitlines()
        return
    before, after = diff.before.splitlines(), diff.after.splitlines()
    yield from difflib.unified_diff(
        before, after, clean_line(diff.before_header or "before"), clean_line(diff.after_header or "after"), lineterm=""
    )


def _counts(task: TaskStory) -> Iterator[str]:
    """``2 changed web[1-2]``: hosts are named where they differ from the rest or something is wrong."""
    total = len(task.results)
    for outcome, (_, word) in _WORDS.items():
        for ignored in (False, True):
            if hosts := task.hosts(outcome, ignored=ignored):
                named = outcome in (Outcome.FAILED, Outcome.UNREACHABLE, Outcome.CHANGED) and total > 1
                where = f" {fold(hosts)}" if named and len(hosts) < total else ""
                yield f"{len(hosts)} {'ignored' if ignored else word}{where}"


def _debug(result: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in result.items() if key not in ("changed", "failed") and key[:1] != "_"}
    if len(shown) == 1:
        (key, value), *_ = shown.items()
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
        return text if key == "msg" else f"{key}: {text}"
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str)
