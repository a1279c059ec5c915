"""The state of a host's connection, as values a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Phase(StrEnum):
    """Where a connection stands. `PARKED` stays so until a person acts."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"
    BACKOFF = "backoff"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class HostState:
    """`phase`, for what `reason`, and `until` when (aware) if that is known.

    `since` (aware) is when the host last came up or went away; the phases between two tries do not move it.
    """

    phase: Phase
    since: datetime
    reason: str = ""
    until: datetime | None = None

    @classmethod
    def now(cls, phase: Phase, reason: str = "", until: datetime | None = None) -> HostState:
        """A state that begins now."""
        return cls(phase, datetime.now(UTC), reason, until)

    @property
    def sentence(self) -> str:
        """In English and local time: ``up since 14:03``, ``parked: host key changed``."""
        since = _clock(self.since)
        if self.phase is Phase.UP:
            return f"up since {since}"
        if self.phase is Phase.CONNECTING:
            return f"connecting since {since}"
        why = f": {self.reason}" if self.reason else ""
        if self.phase is Phase.BACKOFF and self.until is not None:
            return f"down, next try at {_clock(self.until, seconds=True)}{why}"
        if self.phase is Phase.PARKED:
            return f"parked{why}"
        return f"down{why}" if why else f"down since {since}"


def _clock(moment: datetime, *, seconds: bool = False) -> str:
    local = moment.astimezone()
    text = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return text if local.date() == datetime.now(UTC).astimezone().date() else f"{local:%Y-%m-%d} {text}"
