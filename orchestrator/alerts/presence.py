"""Whether Prometheus has been there lately, and for long enough to know what fires.

Alertmanager takes an alert for ended when Prometheus has not repeated it for four minutes; and Prometheus, begun anew,
lets an alert hold for its time again. So the end of an alert means nothing while Prometheus is away, or has just come.
"""

from __future__ import annotations

import time
from collections.abc import Callable

AWAY_AFTER_S = 150.0  # two scrapes by its default of a minute; Alertmanager gives up after four minutes
STEADY_AFTER_S = 180.0


class Presence:
    """`seen` is called whenever Prometheus asks for our figures, and for nobody else who does.

    One that is `expected` is away until then; of any other nobody knows, so it is believed. `monotonic` gives seconds
    of a clock that never jumps, `now` those of the Unix epoch.
    """

    def __init__(
        self,
        *,
        expected: bool,
        away_after: float = AWAY_AFTER_S,
        steady_after: float = STEADY_AFTER_S,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._expected = expected
        self._away_after = away_after
        self._steady_after = steady_after
        self._monotonic = monotonic
        self._now = now
        self._last: float | None = None
        self._came = self._came_at = 0.0

    def seen(self) -> None:
        """Prometheus is here."""
        if self.away or self._last is None:
            self._came, self._came_at = self._monotonic(), self._now()
        self._last = self._monotonic()

    @property
    def away(self) -> bool:
        """True when it should be here, and is not."""
        if self._last is None:
            return self._expected
        return self._monotonic() - self._last > self._away_after

    def believed(self, began: float) -> bool:
        """Whether the end of an alert that began at a Unix time can be believed: Prometheus is here, and has been for a
        while, or since before it began.
        """
        if self._last is None:
            return not self._expected
        steady = self._monotonic() - self._came >= self._steady_after
        return not self.away and (steady or began >= self._came_at)
