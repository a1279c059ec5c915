"""What is running for whom, so that the asker can stop it; and what was answered lately, for ``As file``."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.bot.message import Document
from orchestrator.control import Actor

KEPT = 100  # documents; each was short enough to be shown in a message


@dataclass(eq=False)
class Run:
    """Work in progress: setting `stop` ends it, on the hosts too; `on_stop` is told when that happens."""

    id: str
    actor_id: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    on_stop: Callable[[], None] = lambda: None

    def end(self) -> None:
        """Ask for the end."""
        self.stop.set()
        self.on_stop()


class Runs:
    """The work in progress of all actors."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._documents: OrderedDict[str, Document] = OrderedDict()

    @contextmanager
    def begin(self, actor: Actor) -> Iterator[Run]:
        """A run that lasts as long as the block."""
        run = Run(secrets.token_urlsafe(9), actor.id)
        self._runs[run.id] = run
        try:
            yield run
        finally:
            del self._runs[run.id]

    def stop(self, run_id: str) -> bool:
        """Stop one run; False when it is not going on any more."""
        run = self._runs.get(run_id)
        if run is None:
            return False
        run.end()
        return True

    def stop_all(self, actor_id: str) -> int:
        """Stop everything of an actor that was not stopped yet; returns how many."""
        going = [run for run in self._runs.values() if run.actor_id == actor_id and not run.stop.is_set()]
        for run in going:
            run.end()
        return len(going)

    def keep(self, run_id: str, document: Document) -> None:
        """Remember a run's whole answer, in place of the oldest one when there are many."""
        self._documents[run_id] = document
        while len(self._documents) > KEPT:
            self._documents.popitem(last=False)

    def document(self, run_id: str) -> Document | None:
        """A run's whole answer, if it is still remembered."""
        return self._documents.get(run_id)
