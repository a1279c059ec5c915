"""What a rotation tells while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.rotation.ledger import Standing
from orchestrator.ssh import Turn


class Step(StrEnum):
    """What just happened: to our own key files (MADE, PROMOTED, FINISHED) or to a host."""

    MADE = "made"
    ADDED = "added"
    PROVEN = "proven"
    PROMOTED = "promoted"
    REMOVED = "removed"
    REFUSED = "refused"
    SETTLED = "settled"
    FINISHED = "finished"


Tell = Callable[[Step, str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a rotation is.

    `turn` is NONE when it is over or was never begun; `old` and `new` are fingerprints and `began` a time, empty when
    none was begun. `standings` are of the hosts that were meant; `elsewhere` names others that are not finished, and
    `apart` those that were meant and are logged in to in another way.
    """

    turn: Turn
    old: str
    new: str
    began: str
    standings: tuple[Standing, ...]
    elsewhere: tuple[str, ...]
    apart: tuple[str, ...]

    @property
    def under_way(self) -> bool:
        """True between the first step and the last, over all hosts."""
        return self.turn is not Turn.NONE

    @property
    def complete(self) -> bool:
        """True when every host that was meant is finished."""
        return all(standing.stage.finished for standing in self.standings)
