"""Readings over time, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from orchestrator.monitor.charts.style import HEIGHT, TEXT, Style, headline, letters, short, stretch, zone_of
from orchestrator.monitor.fonts import drawable, families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 8

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, and pairs of Unix time in seconds and ratio."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Limit:
    """From where a value is high, as a ratio, and what that is called if not just by its value."""

    value: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw, in the reader's words: ratios from `start` to `end` (Unix times), a gap where points are further
    apart than `gap` seconds. `shaded` are the times in which an alert fired; `zone` None is the system's. Without
    `percent` the values are numbers that may be as high as they like.
    """

    title: str
    lines: Sequence[Line]
    start: float
    end: float
    gap: float
    zone: tzinfo | None
    limits: Sequence[Limit] = ()
    shaded: Sequence[tuple[float, float]] = ()
    others: str = "{n} more"
    dark: bool = False
    percent: bool = True

    @property
    def height(self) -> int:
        """Pixels."""
        return HEIGHT

    @property
    def top(self) -> float:
        """The highest value that there is room for."""
        if self.percent:
            return 1.0
        values = [value for line in self.lines for _, value in line.points]
        return 1.15 * max(1.0, *values, *(limit.value for limit in self.limits))

    def paint(self, figure: Figure, style: Style) -> None:
        """Lines in a frame, their names above it."""
        axes = figure.add_axes((0.075, 0.125, 0.9, 0.745 if len(self.lines) == 1 else 0.66), facecolor=style.ground)
        _frame(axes, self, style)
        _shades(axes, self, style)
        _limits(axes, self, style)
        _lines(axes, self, style)
        headline(figure, style, self.title, stretch(self.start, self.end, self.zone))
        if len(self.lines) > 1:
            _names(figure, axes, self, style)


def _frame(axes: Axes, chart: Chart, style: Style) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter
    from matplotlib.ticker import PercentFormatter

    zone = zone_of(chart.zone)
    axes.set_xlim(_when(chart.start), _when(chart.end))  # type: ignore[arg-type]  # dates are taken, typed as floats
    axes.set_ylim(0, chart.top)
    if chart.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis_date(zone)
    axes.xaxis.set_major_locator(AutoDateLocator(zone, minticks=4, maxticks=8))
    span = chart.end - chart.start
    pattern = "%H:%M:%S" if span < 240 else "%H:%M" if span <= 86400 else "%m-%d %H:%M" if span < 4 * 86400 else "%m-%d"
    axes.xaxis.set_major_formatter(DateFormatter(pattern, zone))
    axes.grid(True, color=style.faint, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=TEXT, labelcolor=style.ink, color=style.faint, length=0, pad=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style.ink)


def _shades(axes: Axes, chart: Chart, style: Style) -> None:
    """Firing periods, with an edge along the bottom: a thin one would be lost between the lines."""
    for start, end in chart.shaded:
        times = _when(max(start, chart.start)), _when(min(end, chart.end))
        axes.axvspan(*times, color=style.warning, alpha=0.13, linewidth=0)  # type: ignore[arg-type]
        axes.plot(times, (0, 0), color=style.warning, linewidth=7, solid_capstyle="butt", label="_")  # type: ignore[arg-type]


def _limits(axes: Axes, chart: Chart, style: Style) -> None:
    for limit in chart.limits:
        axes.axhline(limit.value, color=style.warning, linewidth=2, linestyle=(0, (6, 4)))
        axes.annotate(
            drawable(limit.label or f"{limit.value:.0%}"),
            (1, limit.value),
            xycoords=("axes fraction", "data"),
            xytext=(-6, 5 if limit.value < 0.95 * chart.top else -18),
            textcoords="offset points",
            ha="right",
            zorder=5,
            bbox={"facecolor": style.ground, "edgecolor": "none", "alpha": 0.75, "pad": 1},
            **letters(style, fontweight="bold") | {"color": style.warning},
        )


def _lines(axes: Axes, chart: Chart, style: Style) -> None:
    shown, rest = _fold(chart.lines)
    if rest:
        times, low, high = _band(rest, chart.gap)
        label = drawable(chart.others.format(n=len(rest)))
        axes.fill_between(times, low, high, color=style.ink, alpha=0.18, linewidth=0, label=label)  # type: ignore[arg-type]
    for line, colour in zip(shown, style.lines, strict=False):
        times, values = _broken(line.points, chart.gap)
        mark = "o" if len(line.points) == 1 else ""
        # Not clipped: at 100 % half of the line would be missing.
        axes.plot(times, values, color=colour, linewidth=3, marker=mark, label=_name(line.name), clip_on=False)  # type: ignore[arg-type]
        if len(chart.lines) == 1:
            axes.fill_between(times, 0, values, color=colour, alpha=0.15, linewidth=0)  # type: ignore[arg-type]


def _names(figure: Figure, axes: Axes, chart: Chart, style: Style) -> None:
    handles, labels = axes.get_legend_handles_labels()
    band = int(len(chart.lines) > MOST_LINES)  # drawn first, named last
    legend = figure.legend(
        handles[band:] + handles[:band],
        labels[band:] + labels[:band],
        loc="upper left",
        bbox_to_anchor=(0.015, 0.905),
        ncols=4,
        frameon=False,
        prop={"family": list(families()), "size": TEXT},
        labelcolor=style.ink,
        columnspacing=1.4,
        handlelength=1.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _fold(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines to show, and the rest for a band: the highest are shown, in the order they came in."""
    if len(lines) <= MOST_LINES:
        return list(lines), []
    top = sorted(range(len(lines)), key=lambda number: -max(value for _, value in lines[number].points))
    kept = frozenset(top[: MOST_LINES - 1])
    return [lines[n] for n in sorted(kept)], [line for n, line in enumerate(lines) if n not in kept]


def _band(lines: Sequence[Line], gap: float) -> tuple[list[datetime], list[float], list[float]]:
    """Lowest and highest of many lines at each time; they share their times, being answers to one question."""
    at: dict[float, list[float]] = {}
    for line in lines:
        for time, value in line.points:
            at.setdefault(time, []).append(value)
    times, low = _broken([(time, min(at[time])) for time in sorted(at)], gap)
    _, high = _broken([(time, max(at[time])) for time in sorted(at)], gap)
    return times, low, high


def _broken(points: Points, gap: float) -> tuple[list[datetime], list[float]]:
    """Times and values, with a hole where nothing was known: a line across it would be a guess."""
    times: list[datetime] = []
    values: list[float] = []
    before = None
    for at, value in points:
        if before is not None and at - before > gap:
            times.append(_when((before + at) / 2))
            values.append(float("nan"))
        times.append(_when(at))
        values.append(value)
        before = at
    return times, values


def _name(name: str) -> str:
    """A name for the legend. One that begins with an underscore would be left out by matplotlib."""
    cut = short(name, 24)
    return f"\u200a{cut}" if cut.startswith("_") else cut


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
