"""A fleet on one page: a line a host, with a small curve of its processors, its memory and its fullest disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.line import Points
from orchestrator.monitor.charts.style import DPI, WIDTH, Style, headline, letters, short, stretch
from orchestrator.monitor.fonts import drawable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_HOSTS = 40
ONE_COLUMN = 12  # hosts; with more there are two columns
TOP, BOTTOM, ROW = 140, 30, 46  # pixels
MARGIN = 30


class Mark(StrEnum):
    """How a host is: told by form as well as by colour."""

    UP = "up"
    WARNING = "warning"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spark:
    """A small curve of ratios over time; its last value counts as high from `limit` on. Without a `now`, none does."""

    points: Points
    limit: float
    now: float | None


@dataclass(frozen=True, slots=True)
class CardRow:
    """A host: its name, how it is, and a curve for each of the card's columns; or the reason why there are none."""

    name: str
    mark: Mark
    sparks: Sequence[Spark]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """At most `MOST_HOSTS` hosts from `start` to `end` (Unix times); a curve has a gap where points are further apart
    than `gap` seconds. `note` stands at the foot.
    """

    title: str
    rows: Sequence[CardRow]
    labels: Sequence[str]
    start: float
    end: float
    gap: float
    zone: tzinfo | None
    note: str = ""
    dark: bool = False

    @property
    def height(self) -> int:
        """Pixels."""
        return TOP + BOTTOM + ROW * max(4, self._rows) + (30 if self.note else 0)

    @property
    def _columns(self) -> int:
        return 1 if len(self.rows) <= ONE_COLUMN else 2

    @property
    def _rows(self) -> int:
        return -(-len(self.rows) // self._columns)

    def paint(self, figure: Figure, style: Style) -> None:
        """In pixels, with zero in the upper left corner: one plane for all, since forty small ones take a second."""
        axes = figure.add_axes((0, 0, 1, 1), facecolor=style.ground)
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(self.height, 0)
        axes.axis("off")
        width = (WIDTH - 2 * MARGIN) / self._columns
        for column in range(self._columns):
            left = MARGIN + column * width
            page = _Page(axes, style, self, left, width - (24 if self._columns > 1 else 0))
            page.head(TOP - 26)
            for row, host in enumerate(self.rows[column * self._rows : (column + 1) * self._rows]):
                page.row(host, TOP + row * ROW)
        if self.note:
            axes.text(MARGIN, self.height - 26, drawable(self.note), va="center", **letters(style))
        headline(figure, style, self.title, stretch(self.start, self.end, self.zone))


@dataclass(frozen=True, slots=True)
class _Page:
    """One column of hosts, at `left` and `width` pixels wide."""

    axes: Axes
    style: Style
    card: Card
    left: float
    width: float

    @property
    def _name(self) -> float:
        return 0.27 * self.width

    @property
    def _cell(self) -> float:
        return (self.width - 30 - self._name) / max(1, len(self.card.labels))

    def head(self, y: float) -> None:
        """What the curves are of."""
        for number, label in enumerate(self.card.labels):
            x = self.left + 30 + self._name + number * self._cell
            self.axes.text(x, y, drawable(label), va="center", **letters(self.style, fontweight="bold"))

    def row(self, host: CardRow, y: float) -> None:
        """One host, in `ROW` pixels from `y` down."""
        middle, style = y + ROW / 2, self.style
        self._mark(host.mark, self.left + 10, middle)
        size = 14 if self.width > 700 else 12
        letters_ = int(self._name / (0.62 * size * DPI / 72)) + 1
        self.axes.text(self.left + 30, middle, short(host.name, letters_), va="center", **letters(style, size))
        if host.why:
            room = int((self.width - self._name) / (0.6 * size * DPI / 72))
            ink = letters(style, size) | {"color": style.warning if host.mark is Mark.DOWN else style.ink}
            self.axes.text(self.left + 30 + self._name, middle, short(host.why, room), va="center", **ink)
            return
        for number, spark in enumerate(host.sparks):
            self._spark(spark, self.left + 30 + self._name + number * self._cell, y, size)

    def _spark(self, spark: Spark, x: float, y: float, size: float) -> None:
        style, card = self.style, self.card
        width, top, bottom = self._cell - 72, y + 7, y + ROW - 9
        high = spark.now is not None and spark.now >= spark.limit

        def across(at: float) -> float:
            return x + width * (at - card.start) / (card.end - card.start)

        def down(value: float) -> float:
            return bottom - (bottom - top) * value

        self.axes.plot((x, x + width), (bottom, bottom), color=style.faint, linewidth=1)
        self.axes.plot((x, x + width), (down(spark.limit),) * 2, color=style.warning, linewidth=1, alpha=0.5)
        colour = style.warning if high else style.good
        xs: list[float] = []
        ys: list[float] = []
        before = card.start
        for at, value in spark.points:
            if xs and at - before > card.gap:
                xs.append(across(at))
                ys.append(float("nan"))
            xs.append(across(at))
            ys.append(down(value))
            before = at
        self.axes.plot(xs, ys, color=colour, linewidth=2)
        self.axes.fill_between(xs, bottom, ys, color=colour, alpha=0.2, linewidth=0)
        text = "–" if spark.now is None else f"{spark.now:.0%}"
        ink = letters(style, size, fontweight="bold" if high else "normal")
        self.axes.text(
            x + width + 6, y + ROW / 2, text, va="center", **ink | ({"color": style.warning} if high else {})
        )

    def _mark(self, mark: Mark, x: float, y: float) -> None:
        form, colour = {
            Mark.UP: ("o", self.style.good),
            Mark.WARNING: ("^", "#e69f00"),
            Mark.DOWN: ("X", self.style.warning),
            Mark.UNKNOWN: ("o", "none"),
        }[mark]
        self.axes.plot((x,), (y,), marker=form, markersize=11, color=colour, markeredgecolor=self.style.ink, mew=0.8)
