"""A usual week: a row a weekday, a column an hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.style import TALLEST, WIDTH, Style, bare, headline, letters, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP, BOTTOM, LEFT, RIGHT = 95, 45, 130, 40  # pixels around the maps
ROW, BETWEEN = 40, 90
_FIGURE = 10  # points of the counts in the cells


@dataclass(frozen=True, slots=True)
class WeekMap:
    """What is counted: its name, and for each of seven days the counts of its 24 hours."""

    name: str
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Week:
    """Maps one under the other, each coloured by its own highest count. `days` names the rows, `span` says of when."""

    title: str
    maps: Sequence[WeekMap]
    days: Sequence[str]
    span: str
    dark: bool = False

    @property
    def height(self) -> int:
        """Pixels."""
        return min(TALLEST, TOP + BOTTOM + len(self.maps) * (7 * ROW + BETWEEN) - BETWEEN + 30)

    def paint(self, figure: Figure, style: Style) -> None:
        """The counts stand in their cells, too: colours alone say how much more, not how much."""
        for number, each in enumerate(self.maps):
            bottom = self.height - TOP - 30 - 7 * ROW - number * (7 * ROW + BETWEEN)
            place = (LEFT / WIDTH, bottom / self.height, 1 - (LEFT + RIGHT) / WIDTH, 7 * ROW / self.height)
            self._map(figure.add_axes(place, facecolor=style.ground), each, style)
        headline(figure, style, self.title, self.span)

    def _map(self, axes: Axes, week: WeekMap, style: Style) -> None:
        import numpy as np
        from matplotlib.colors import LinearSegmentedColormap

        values = np.array(week.counts, dtype=float)
        most = max(1.0, values.max())
        # By the root: else one storm would make all other hours look alike.
        colours = LinearSegmentedColormap.from_list("heat", list(style.heat))
        shades = np.sqrt(values / most)
        axes.pcolormesh(shades, cmap=colours, vmin=0, vmax=1, edgecolors=style.ground, linewidth=1.5)
        axes.invert_yaxis()
        for day, hours in enumerate(week.counts):
            for hour, count in enumerate(hours):
                if count:
                    ink = {"color": _contrast(colours(shades[day, hour]))}
                    text = f"{count:d}" if count < 10_000 else f"{count / 1000:.0f}k"
                    axes.text(hour + 0.5, day + 0.5, text, ha="center", va="center", **letters(style, _FIGURE) | ink)
        axes.set_yticks([n + 0.5 for n in range(7)], [short(day, 9) for day in self.days])
        axes.set_xticks(range(0, 25, 3), [f"{hour:02d}" for hour in range(0, 25, 3)])
        bare(axes, style)
        axes.text(
            0, 1.03, short(week.name, 70), transform=axes.transAxes, va="bottom", **letters(style, fontweight="bold")
        )


def _contrast(colour: tuple[float, float, float, float]) -> str:
    """Black or white, whichever is read better on it (by the luma of ITU-R BT.601)."""
    red, green, blue, _ = colour
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"
