"""Tries that sshd does not log as such: at its usual LogLevel it says nothing of a refused key, only that somebody who
had named a user went away. Where no other line of that process told how it went, that is a try.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from orchestrator.logins.event import Kind, LoginEvent

GAVE_UP = "sshd.gave_up"
_TOO_MANY = "sshd.too-many"
_REMEMBERED = 4096
_TOLD = frozenset({Kind.FAILED, Kind.INVALID_USER, Kind.LOGIN})


class Unsaid:
    """Knows of the newest processes of a host whether the log told how their logins went."""

    def __init__(self) -> None:
        self._told: OrderedDict[int, None] = OrderedDict()

    def judged(self, event: LoginEvent) -> LoginEvent:
        """The event; one of somebody who gave up, or was sent away, is a failure when nothing else told of any."""
        pid = event.pid
        if pid is None:
            return event
        if event.pattern in (GAVE_UP, _TOO_MANY) and pid not in self._told:
            event = replace(event, kind=Kind.FAILED, ok=False, count=1)
        if event.pattern == GAVE_UP:
            self._told.pop(pid, None)  # the number may be another's soon
        elif event.kind in _TOLD and event.count:
            self._told[pid] = None
            self._told.move_to_end(pid)
            while len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        return event
