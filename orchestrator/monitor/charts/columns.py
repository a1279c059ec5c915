"""How often things happened over time: columns, a panel for each kind, as they differ by thousands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.style import HEIGHT, WIDTH, Style, bare, headline, letters, short, stretch, zone_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP, BOTTOM, LEFT, RIGHT = 120, 60, 95, 45  # pixels around the panels
BETWEEN = 60


@dataclass(frozen=True, slots=True)
class Panel:
    """What is counted: its name, a count for each stretch of time, and whether it is what nobody wants."""

    name: str
    counts: Sequence[int]
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Counts of stretches `cell` seconds long, the first from `start` (Unix time) on; all panels have as many."""

    title: str
    panels: Sequence[Panel]
    start: float
    cell: float
    zone: tzinfo | None
    dark: bool = False

    @property
    def height(self) -> int:
        """Pixels."""
        return HEIGHT

    @property
    def _cells(self) -> int:
        return len(self.panels[0].counts)

    def paint(self, figure: Figure, style: Style) -> None:
        """Each panel with a scale of its own, over one axis of time."""
        room = (HEIGHT - TOP - BOTTOM - BETWEEN * (len(self.panels) - 1)) / len(self.panels)
        for number, panel in enumerate(self.panels):
            last = number == len(self.panels) - 1
            bottom = HEIGHT - TOP - room - number * (room + BETWEEN)
            place = (LEFT / WIDTH, bottom / HEIGHT, 1 - (LEFT + RIGHT) / WIDTH, room / HEIGHT)
            self._panel(figure.add_axes(place, facecolor=style.ground), panel, style, named=last)
        end = self.start + self._cells * self.cell
        headline(figure, style, self.title, stretch(self.start, end, self.zone))

    def _panel(self, axes: Axes, panel: Panel, style: Style, *, named: bool) -> None:
        from matplotlib.ticker import MaxNLocator

        colour = style.warning if panel.bad else style.good
        middles = [n + 0.5 for n in range(self._cells)]
        axes.bar(middles, list(panel.counts), width=0.86, color=colour)
        axes.set_xlim(0, self._cells)
        axes.set_ylim(0, max(1, *panel.counts) * 1.08)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.grid(True, axis="y", color=style.faint, linewidth=1)
        axes.set_axisbelow(True)
        ticks = self._ticks() if named else []
        axes.set_xticks([cell for cell, _ in ticks], [text for _, text in ticks])
        bare(axes, style)
        axes.axhline(0, color=style.ink, linewidth=1.5)
        ink = letters(style, fontweight="bold") | {"color": colour}
        axes.text(0, 1.03, short(panel.name, 70), transform=axes.transAxes, va="bottom", **ink)

    def _ticks(self) -> list[tuple[int, str]]:
        """Where a cell begins at a full hour, or a day, of the reader's clock: at most a dozen."""
        days = self._cells * self.cell > 2 * 86400
        texts = []
        for cell in range(self._cells + 1):
            at = datetime.fromtimestamp(self.start + cell * self.cell, UTC).astimezone(zone_of(self.zone))
            since = at.hour * 3600 + at.minute * 60 + at.second
            if days and since < self.cell:
                texts.append((cell, f"{at:%m-%d}"))
            elif not days and since % 3600 < min(self.cell, 3600):
                texts.append((cell, f"{at:%H:%M}"))
        return texts[:: -(-len(texts) // 12) or 1]
