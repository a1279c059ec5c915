"""What a run knows of its hosts across plays: who is out, how often what happened, what may still run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from orchestrator.playbook.events import Counts, Outcome


class Roster:
    """`failed` and `unreachable` hosts take no part in what follows. `may_be_running` tells, by host, what of a task
    that was cut off may go on there."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.unreachable: set[str] = set()
        self.may_be_running: dict[str, str] = {}
        self._counts: dict[str, Counter[str]] = {}

    @property
    def lost(self) -> int:
        """How many hosts are out."""
        return len(self.failed) + len(self.unreachable)

    def knows(self, host: str) -> bool:
        """Whether anything was done on `host`, or may be going on there."""
        return host in self._counts or host in self.may_be_running

    def count(self, host: str, *columns: str) -> None:
        """One more in each of the `columns` of the recap."""
        self._counts.setdefault(host, Counter()).update(columns)

    def count_outcome(self, host: str, outcome: Outcome, *, ignored: bool, rescued: bool, changed: bool) -> None:
        """One more task of `host` ended (ansible-core, StrategyBase._process_pending_results)."""
        if outcome is Outcome.FAILED and not ignored:
            self.count(host, "rescued" if rescued else "failed")
        elif outcome is Outcome.UNREACHABLE and not ignored:
            self.count(host, "unreachable")
        elif outcome is Outcome.SKIPPED:
            self.count(host, "skipped")
        else:
            self.count(host, "ok")
            if ignored:
                self.count(host, "ignored")
            if changed and outcome is not Outcome.UNREACHABLE:
                self.count(host, "changed")

    def recap(self, order: Iterable[str]) -> Mapping[str, Counts]:
        """Everybody's counts, in the given order of hosts and then the others."""
        names = [name for name in dict.fromkeys((*order, *self._counts)) if name in self._counts]
        return {name: Counts(**self._counts[name]) for name in names}
