"""What a threshold can be set for: how each metric is measured, written, and from where it is high by default.

The defaults stand in ``prometheus/rules/hosts.yml``, too, for when we are away; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import UsageError

_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Scale:
    """How a metric is measured. `default`, `lowest` and `highest` are ratios 0-1, or with `percent` off plain numbers.

    People write percents, and see them: 90 is 0.9. `meaning` says in English what is measured.
    """

    name: str
    meaning: str
    default: float
    lowest: float = 0.1
    highest: float = 1.0
    percent: bool = True

    def parse(self, text: str) -> float:
        """The value of ``90``, ``90%``, ``2.5``; raises UsageError for what is no number or out of range.

        0.9 is refused as a percentage: it may be meant as 90 %, or as less than one.
        """
        digits = text.removesuffix("%") if self.percent else text
        if not _NUMBER.fullmatch(digits):
            raise UsageError(f"{text[:20]!r} is no threshold of {self.name}", remedy=self._range)
        value = float(digits) / 100 if self.percent else float(digits)
        if not self.lowest <= value <= self.highest:
            raise UsageError(f"{text} is out of the range of {self.name}", remedy=self._range)
        return value

    def show(self, value: float) -> str:
        """As people write it: ``90%``, ``2.5``."""
        return f"{100 * value:.4g}%" if self.percent else f"{value:.4g}"

    @property
    def _range(self) -> str:
        if self.percent:
            return f"Give percents from {100 * self.lowest:g} to {100 * self.highest:g}, such as 90 or 90%"
        return f"Give a number from {self.lowest:g} to {self.highest:g}, such as {self.default:g}"


SCALES: Mapping[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale("cpu", "share of all processors that is busy", 0.8),
        Scale("mem", "share of the memory that is in use", 0.85),
        Scale("disk", "share of a file system that is in use", 0.9),
        Scale("load", "load over five minutes for each processor", 2.0, lowest=0.1, highest=1000.0, percent=False),
        Scale("swap", "share of the swap space that is in use", 0.8),
        Scale("inodes", "share of a file system's inodes that is in use", 0.9),
    )
}
"""By the name that a threshold is set with."""


JUDGED: Mapping[str, str] = {
    "AgentHighCPU": "cpu",
    "AgentHighMemory": "mem",
    "HighMemoryUsage": "mem",
    "AgentHighDisk": "disk",
    "HighLoad": "load",
    "SwapHigh": "swap",
    "InodesLow": "inodes",
}
"""By the names of our rules: the metric that each is about, and whose threshold it goes by."""


def scale_of(metric: str) -> Scale:
    """The scale of a metric that somebody named; raises UsageError."""
    try:
        return SCALES[metric.lower()]
    except KeyError:
        raise UsageError(f"{metric[:20]!r} has no threshold", remedy=f"Name one of: {', '.join(SCALES)}") from None
