"""A run of a playbook on the terminal: a live line for the task that goes on, a line for each that ended, a recap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from orchestrator.fleet import clean, clean_line
from orchestrator.playbook.events import Ended, Event, PlayStarted, TaskEnded
from orchestrator.playbook.playbooks import Plan
from orchestrator.playbook.story import Story
from orchestrator.playbook.transcript import Line, play_lines, recap_lines, task_lines

_NAMED = 3  # hosts still waited for, by name
_MARK_STYLES = {"✖": "red", "⛔": "red", "±": "yellow", "✔": "green", "–": "dim", "!": "yellow"}
_STYLES = {"play": "bold", "trouble": "red", "said": "dim", "host": "bold", "+": "green", "-": "red", "@": "cyan"}


def print_plan(plan: Plan, *, hosts: bool, tasks: bool, tags: bool) -> None:
    """What a playbook would do: its plays with their hosts, tasks and tags, as asked for."""
    print(f"playbook: {plan.name}")
    for play, chosen in plan.plays:
        print(f"\n  play: {clean_line(play.name or play.pattern)}  ({chosen.folded or 'no hosts'})")
        if hosts:
            print(f"    hosts ({len(chosen)}):")
            for name in chosen.names:
                print(f"      {name}")
        if tasks:
            print("    tasks:")
            for task in play.tasks:
                tagged = f"  [{', '.join(task.tags)}]" if task.tags else ""
                print(f"      {clean_line(task.name)}{tagged}")
        if tags:
            print(f"    tags: {', '.join(play.task_tags) or 'none'}")


class PlayScreen:
    """Draws a `Story` as it grows; give it every event. `verbose` also prints each host's whole result.

    Of a task that was printed the story keeps only what a summary shows.
    """

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
                self._print(play_lines(event))
            case TaskEnded():
                task = self._story.tasks[-1]
                self._print(task_lines(task, verbose=self._verbose))
                task.slim()
            case Ended():
                self._live.stop()
                self._print(recap_lines(event, check=self._check))
                return
            case _:
                pass
        if self._shown:
            self._spinner.update(text=self._now())

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to a question while the block lasts."""
        self._live.stop()
        try:
            yield
        finally:
            if self._shown:
                self._live.start()

    def _now(self) -> Text:
        """The live line: which task, how far, who is still waited for and what they say."""
        task = self._story.current
        if task is None:
            return Text("")
        waiting = task.waiting
        text = Text(clean_line(task.title, 60))
        text.append(f"  {len(task.started.hosts) - len(waiting)}/{len(task.started.hosts)}", style="bold")
        if 0 < len(waiting) <= _NAMED:
            said = [f"{host} ({clean_line(task.notes[host], 40)})" if host in task.notes else host for host in waiting]
            text.append(f"  waiting for {', '.join(said)}", style="dim")
        elif task.notes:
            host, note = next(reversed(task.notes.items()))
            text.append(f"  {host}: {clean_line(note, 40)}", style="dim")
        return text

    def _print(self, lines: Iterable[Line]) -> None:
        for line in lines:
            # A host must not be able to draw lines of its own.
            text = Text(clean(line.text).replace("\n", " ⏎ "), style=_STYLES.get(line.kind, ""))
            if line.mark:
                text.highlight_words([line.mark], style=_MARK_STYLES[line.mark])
            self._out.print(text)
