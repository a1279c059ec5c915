"""Whether things come so fast that they are told together. It is our own clock that counts: a host may say any time."""

from __future__ import annotations

from collections import deque


class Pace:
    """Bears `most` of a kind within so many seconds."""

    def __init__(self, most: int, within: float) -> None:
        self._most = most
        self._within = within
        self._times: dict[object, deque[float]] = {}

    def is_over(self, kind: object, now: float) -> bool:
        """Count one more of its kind; True when there were `most` shortly before it, whatever became of those."""
        times = self._times.setdefault(kind, deque(maxlen=self._most))
        over = len(times) == self._most and 0 <= now - times[0] < self._within
        times.append(now)
        return over
