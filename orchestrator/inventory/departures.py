"""Since when names have been missing from the inventory."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

GONE_FOR_S = 3600.0
"""An inventory may be written anew in several steps, by git or by hand: what was set must outlive that."""

Name = TypeVar("Name", bound=Hashable)


class Departures(Generic[Name]):
    """Gives up on what is missing `after` seconds by `monotonic`, a clock that never jumps."""

    def __init__(self, after: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._after = after
        self._monotonic = monotonic
        self._since: Mapping[Name, float] = {}

    def gone(self, missing: Iterable[Name]) -> set[Name]:
        """Those that have been missing for so long, of all that are `missing` now."""
        now = self._monotonic()
        self._since = {name: self._since.get(name, now) for name in missing}
        return {name for name, since in self._since.items() if now - since >= self._after}
