"""A fleet over time: a row a host, a cell an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.style import (
    HEIGHT,
    TALLEST,
    WIDTH,
    Style,
    bare,
    headline,
    short,
    stretch,
    zone_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
TOP, BOTTOM = 95, 65  # pixels above and below the cells
LEFT, RIGHT = 215, 135


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A host's values, one a cell from the left, None where nothing is known."""

    name: str
    cells: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Heat:
    """Ratios of at most `MOST_ROWS` hosts; cells begin at `start` (Unix time) and are `cell` seconds wide."""

    title: str
    rows: Sequence[HeatRow]
    start: float
    cell: float
    zone: tzinfo | None
    dark: bool = False

    @property
    def height(self) -> int:
        """Pixels: rows are as high as is good to read, never more than the picture."""
        return min(TALLEST, max(HEIGHT, TOP + BOTTOM + 36 * len(self.rows)))

    def paint(self, figure: Figure, style: Style) -> None:
        """Cells by colour; one without a value has none."""
        import numpy as np
        from matplotlib.colors import LinearSegmentedColormap

        cells = max((len(row.cells) for row in self.rows), default=1)
        values = np.array([[np.nan if v is None else v for v in row.cells] for row in self.rows], dtype=float)
        plot = (LEFT / WIDTH, BOTTOM / self.height, 1 - (LEFT + RIGHT) / WIDTH, 1 - (TOP + BOTTOM) / self.height)
        axes = figure.add_axes(plot, facecolor=style.ground)
        axes.patch.set(hatch="////", edgecolor=style.faint, linewidth=0)  # shows where a cell is unknown
        colours = LinearSegmentedColormap.from_list("heat", list(style.heat))
        mesh = axes.pcolormesh(values, cmap=colours, vmin=0, vmax=1, edgecolors=style.ground, linewidth=1.5)
        axes.invert_yaxis()
        axes.set_yticks([n + 0.5 for n in range(len(self.rows))], [short(row.name, 17) for row in self.rows])
        ticks = [n for n in range(cells + 1) if self._local(n) is not None]
        axes.set_xticks(ticks, [self._local(n) or "" for n in ticks])
        axes.set_xlim(0, cells)
        bare(axes, style)
        scale = figure.add_axes((1 - (RIGHT - 30) / WIDTH, plot[1], 22 / WIDTH, plot[3]))
        bar = figure.colorbar(mesh, cax=scale, ticks=[0, 0.25, 0.5, 0.75, 1], format="{x:.0%}")
        bar.outline.set_visible(False)
        bare(scale, style)
        headline(figure, style, self.title, stretch(self.start, self.start + cells * self.cell, self.zone))

    def _local(self, cell: int) -> str | None:
        """What is written below the left edge of a cell: every few hours, or every day, by the reader's clock."""
        at = datetime.fromtimestamp(self.start + cell * self.cell, UTC).astimezone(zone_of(self.zone))
        long = max(len(row.cells) for row in self.rows) * self.cell > 2 * 86400
        since_midnight = at.hour * 3600 + at.minute * 60
        if long:
            return f"{at:%m-%d}" if since_midnight < self.cell else None
        return f"{at:%H:%M}" if since_midnight % (3 * 3600) < self.cell else None
