"""A live line on a terminal that counts the hosts that answered; nothing at all in a pipe."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from orchestrator.fleet import clean_line
from orchestrator.inventory import HostSet

NAMED = 3


class Progress:
    """Shown on standard error while the block lasts, gone without a trace after it."""

    def __init__(self, hosts: HostSet, what: str) -> None:
        console = Console(stderr=True)
        self._waiting = dict.fromkeys(hosts.names)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[waiting]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(escape(clean_line(what, 40)), total=len(hosts), waiting="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def answered(self, host: str) -> None:
        """Count one more host; the last few still waited for are named."""
        self._waiting.pop(host, None)
        named = f"waiting for {', '.join(self._waiting)}" if 0 < len(self._waiting) <= NAMED else ""
        self._bar.update(self._task, advance=1, waiting=escape(named))
