"""Values side by side, now: a bar a disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.style import HEIGHT, TALLEST, WIDTH, Style, bare, headline, letters, moment, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS = 40
TOP, BOTTOM, LEFT, RIGHT = 95, 40, 365, 95  # pixels around the bars


@dataclass(frozen=True, slots=True)
class Bar:
    """A ratio by name; from `limit` on it is high."""

    name: str
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class Bars:
    """At most `MOST_BARS`, as they were `at` a Unix time, from the top."""

    title: str
    bars: Sequence[Bar]
    at: float
    zone: tzinfo | None
    dark: bool = False

    @property
    def height(self) -> int:
        """Pixels."""
        return min(TALLEST, max(HEIGHT // 2, TOP + BOTTOM + 48 * len(self.bars)))

    def paint(self, figure: Figure, style: Style) -> None:
        """Each in a trough of 100 %, its limit as a notch; a high one in the colour of warnings."""
        plot = (LEFT / WIDTH, BOTTOM / self.height, 1 - (LEFT + RIGHT) / WIDTH, 1 - (TOP + BOTTOM) / self.height)
        axes = figure.add_axes(plot, facecolor=style.ground)
        rows = range(len(self.bars))
        axes.barh(rows, [1.0] * len(self.bars), height=0.62, color=style.faint, alpha=0.45)
        colours = [style.warning if bar.value >= bar.limit else style.good for bar in self.bars]
        axes.barh(rows, [bar.value for bar in self.bars], height=0.62, color=colours)
        for row, bar in enumerate(self.bars):
            axes.plot((bar.limit, bar.limit), (row - 0.4, row + 0.4), color=style.ink, linewidth=2)
            weight = "bold" if bar.value >= bar.limit else "normal"
            axes.text(1.02, row, f"{bar.value:.0%}", va="center", **letters(style, fontweight=weight))
        axes.set_yticks(list(rows), [short(bar.name, 32) for bar in self.bars])
        axes.set_xticks([])
        axes.set_xlim(0, 1)
        axes.set_ylim(max(len(self.bars), 3) - 0.5, -0.5)
        bare(axes, style)
        headline(figure, style, self.title, moment(self.at, self.zone))
