"""How a value is spread over the fleet: how many hosts are between which values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.style import HEIGHT, TEXT, Style, bare, headline, letters, moment, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 10
MOST_NAMED = 12  # hosts in one column, with their names; more are only counted


@dataclass(frozen=True, slots=True)
class Spread:
    """Hosts by name with a ratio, as they were `at` a Unix time; from `limit` on it is high."""

    title: str
    values: Sequence[tuple[str, float]]
    limit: float
    at: float
    zone: tzinfo | None
    axis: str = ""
    dark: bool = False

    @property
    def height(self) -> int:
        """Pixels."""
        return HEIGHT

    def paint(self, figure: Figure, style: Style) -> None:
        """A column for every ten per cent, its hosts counted above it and named in it."""
        bins: list[list[str]] = [[] for _ in range(BINS)]
        for name, value in sorted(self.values, key=lambda pair: pair[1]):
            bins[min(BINS - 1, int(value * BINS))].append(name)
        most = max(3, *map(len, bins))
        axes = figure.add_axes((0.03, 0.13, 0.945, 0.74), facecolor=style.ground)
        for column, names in enumerate(bins):
            # Of a column that the limit goes through nobody knows whether it is high.
            colour = style.warning if column / BINS >= self.limit else style.good
            axes.bar(column + 0.5, len(names), width=0.94, color=colour, alpha=0.85)
            if names:
                paper = {"facecolor": style.ground, "edgecolor": "none", "pad": 1}
                count = str(len(names))
                axes.text(column + 0.5, len(names) + most * 0.02, count, ha="center", bbox=paper, **letters(style))
            if most <= MOST_NAMED:
                for row, name in enumerate(names):
                    ink = letters(style, TEXT - 2) | {"color": style.ground}
                    axes.text(column + 0.5, row + 0.5, short(name, 10), ha="center", va="center", **ink)
        axes.axvline(self.limit * BINS, color=style.warning, linewidth=2, linestyle=(0, (6, 4)), zorder=0.5)
        axes.text(
            self.limit * BINS - 0.06,
            most * 1.06,
            f"{self.limit:.0%}",
            ha="right",
            va="top",
            **letters(style, fontweight="bold") | {"color": style.warning},
        )
        axes.set_xticks(range(BINS + 1), [f"{tick / BINS:.0%}" for tick in range(BINS + 1)])
        axes.set_yticks([])
        axes.set_xlim(0, BINS)
        axes.set_ylim(0, most * 1.08)
        if self.axis:
            axes.set_xlabel(short(self.axis, 60), **letters(style), labelpad=6)
        bare(axes, style)
        headline(figure, style, self.title, moment(self.at, self.zone))
