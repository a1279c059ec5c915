"""Pictures of readings over time, made to be read on a phone.

Drawn by matplotlib's figures alone: pyplot keeps its figures in one place for all threads, and mixed up the hosts of 4
charts in 120. One is drawn at a time, in a thread of its own; warm, it takes about 0.15 s.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orchestrator.monitor.fonts import can_draw, drawable, families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 1280, 720, 100  # pixels; what a phone shows across, without zooming
MOST_LINES = 8

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, and pairs of Unix time in seconds and ratio."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw, in the reader's words: ratios from `start` to `end` (Unix times), a gap where points are further
    apart than `gap` seconds. `threshold` is a ratio; `zone` None is the system's.
    """

    title: str
    lines: Sequence[Line]
    start: float
    end: float
    gap: float
    zone: tzinfo | None
    threshold: float | None = None
    others: str = "{n} more"
    dark: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """Colours. The lines' are told apart by the colour-blind, too (Okabe and Ito)."""

    ground: str
    ink: str
    faint: str
    warning: str
    lines: tuple[str, ...] = field(
        default=("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#a0522d")
    )


LIGHT = Style(ground="#ffffff", ink="#202124", faint="#d5d8dc", warning="#d62728")
DARK = Style(
    ground="#17212b",
    ink="#f2f3f5",
    faint="#3a4653",
    warning="#ff6b6b",
    lines=("#56b4e9", "#e69f00", "#2fc59a", "#f0a6cf", "#f0e442", "#ff8c4b", "#b0b0b0", "#d2a679"),
)


class Charts:
    """Draws one chart at a time, off the event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="charts")

    def warm(self) -> None:
        """Begin to load what drawing needs, which takes seconds the first time on a machine. Returns at once."""
        self._thread.submit(draw, Chart("", (), 0, 60, 15, None))

    async def draw(self, chart: Chart) -> bytes:
        """The chart as PNG, `WIDTH` by `HEIGHT` pixels."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, draw, chart)

    async def can_draw(self, text: str) -> bool:
        """True when a picture can show every letter of `text`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, can_draw, text)

    def close(self) -> None:
        """Draw nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def draw(chart: Chart) -> bytes:
    """`Charts.draw`, in this thread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = DARK if chart.dark else LIGHT
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=style.ground)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.075, 0.125, 0.9, 0.745 if len(chart.lines) == 1 else 0.66), facecolor=style.ground)
    _frame(axes, chart, style)
    _threshold(axes, chart, style)
    _lines(axes, chart, style)
    _words(figure, axes, chart, style)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def _frame(axes: Axes, chart: Chart, style: Style) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter
    from matplotlib.ticker import PercentFormatter

    zone = _zone(chart.zone)
    axes.set_xlim(_when(chart.start), _when(chart.end))  # type: ignore[arg-type]  # dates are taken, typed as floats
    axes.set_ylim(0, 1.0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis_date(zone)
    axes.xaxis.set_major_locator(AutoDateLocator(zone, minticks=4, maxticks=8))
    span = chart.end - chart.start
    pattern = "%H:%M:%S" if span < 240 else "%H:%M" if span <= 86400 else "%m-%d %H:%M" if span < 4 * 86400 else "%m-%d"
    axes.xaxis.set_major_formatter(DateFormatter(pattern, zone))
    axes.grid(True, color=style.faint, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=14, labelcolor=style.ink, color=style.faint, length=0, pad=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(style.ink)


def _threshold(axes: Axes, chart: Chart, style: Style) -> None:
    if chart.threshold is None:
        return
    axes.axhline(chart.threshold, color=style.warning, linewidth=2, linestyle=(0, (6, 4)))
    axes.annotate(
        f"{chart.threshold:.0%}",
        (1, chart.threshold),
        xycoords=("axes fraction", "data"),
        xytext=(-6, 5),
        textcoords="offset points",
        ha="right",
        color=style.warning,
        fontsize=14,
        fontweight="bold",
        zorder=5,
        bbox={"facecolor": style.ground, "edgecolor": "none", "alpha": 0.75, "pad": 1},
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


def _words(figure: Figure, axes: Axes, chart: Chart, style: Style) -> None:
    fonts = list(families())
    small: dict[str, Any] = {"fontsize": 14, "color": style.ink, "family": fonts, "parse_math": False}
    figure.text(0.025, 0.935, drawable(chart.title), va="center", **{**small, "fontsize": 20, "fontweight": "bold"})
    figure.text(0.975, 0.935, _stretch(chart), ha="right", va="center", **small)
    if len(chart.lines) > 1:
        handles, labels = axes.get_legend_handles_labels()
        band = int(len(chart.lines) > MOST_LINES)  # drawn first, named last
        legend = figure.legend(
            handles[band:] + handles[:band],
            labels[band:] + labels[:band],
            loc="upper left",
            bbox_to_anchor=(0.015, 0.905),
            ncols=4,
            frameon=False,
            prop={"family": fonts, "size": 14},
            labelcolor=style.ink,
            columnspacing=1.4,
            handlelength=1.4,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)


def _stretch(chart: Chart) -> str:
    """``2026-11-22 14:00–15:00 (UTC+8)``."""
    zone = _zone(chart.zone)
    start, end = (datetime.fromtimestamp(at, UTC).astimezone(zone) for at in (chart.start, chart.end))
    offset = f"{end:%z}"
    hours = f"{offset[0]}{int(offset[1:3])}" + (f":{offset[3:5]}" if offset[3:5] != "00" else "")
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}–{until} (UTC{hours})"


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
    short = name if len(name) <= 24 else f"{name[:23]}…"
    return drawable(f"\u200a{short}" if short.startswith("_") else short)


def _zone(zone: tzinfo | None) -> tzinfo:
    if zone is not None:
        return zone
    try:
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
