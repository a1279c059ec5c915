"""What all pictures have in common: size, colours, letters, and how times are written.

Drawn by matplotlib's figures alone: pyplot keeps its figures in one place for all threads, and mixed up the hosts of 4
charts in 120.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from orchestrator.monitor.fonts import drawable, families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 1280, 720, 100  # pixels; what a phone shows across, without zooming
TALLEST = 2400  # pixels; a picture that is longer is scaled down by Telegram until nobody can read it
TEXT, TITLE = 14, 20  # points; 14 are 19 pixels


@dataclass(frozen=True, slots=True)
class Style:
    """Colours. The lines' are told apart by the colour-blind, too (Okabe and Ito); `heat` goes from low to high."""

    ground: str
    ink: str
    faint: str
    warning: str
    good: str
    heat: tuple[str, ...]
    lines: tuple[str, ...] = field(
        default=("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#a0522d")
    )


LIGHT = Style(
    ground="#ffffff",
    ink="#202124",
    faint="#d5d8dc",
    warning="#d62728",
    good="#0072b2",
    heat=("#e6f0f8", "#a9cde6", "#f7e6a4", "#f3a34a", "#d9541e", "#8e0f16"),
)
DARK = Style(
    ground="#17212b",
    ink="#f2f3f5",
    faint="#3a4653",
    warning="#ff6b6b",
    good="#56b4e9",
    heat=("#213448", "#3f6f96", "#d9cf85", "#eaa03c", "#f0703a", "#ff3f55"),
    lines=("#56b4e9", "#e69f00", "#2fc59a", "#f0a6cf", "#f0e442", "#ff8c4b", "#b0b0b0", "#d2a679"),
)


class Picture(Protocol):
    """Something to draw, in the reader's words."""

    @property
    def dark(self) -> bool:
        """Light letters on a dark ground."""

    @property
    def height(self) -> int:
        """Pixels; all are `WIDTH` wide."""

    def paint(self, figure: Figure, style: Style) -> None:
        """Put it on an empty figure."""


def letters(style: Style, size: float = TEXT, **more: Any) -> dict[str, Any]:
    """How words are written: in fonts that have them, and never read as mathematics."""
    return {"fontsize": size, "color": style.ink, "family": list(families()), "parse_math": False, **more}


def headline(figure: Figure, style: Style, title: str, right: str) -> None:
    """The title, and at the right end of its line what the picture is of in time."""
    y = 1 - 45 / (figure.get_figheight() * DPI)
    figure.text(0.025, y, drawable(title), va="center", **letters(style, TITLE, fontweight="bold"))
    figure.text(0.975, y, drawable(right), ha="right", va="center", **letters(style))


def bare(axes: Axes, style: Style) -> None:
    """No frame, no ticks; letters in our size."""
    axes.tick_params(labelsize=TEXT, labelcolor=style.ink, color=style.faint, length=0, pad=8)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontfamily(list(families()))
        label.set_parse_math(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def stretch(start: float, end: float, zone: tzinfo | None) -> str:
    """``2026-11-22 14:00–15:00 (UTC+8)``."""
    first, last = (datetime.fromtimestamp(at, UTC).astimezone(zone_of(zone)) for at in (start, end))
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M}–{until} ({offset(last)})"


def moment(at: float, zone: tzinfo | None) -> str:
    """``2026-11-22 14:00 (UTC+8)``."""
    local = datetime.fromtimestamp(at, UTC).astimezone(zone_of(zone))
    return f"{local:%Y-%m-%d %H:%M} ({offset(local)})"


def offset(local: datetime) -> str:
    """``UTC+8``, ``UTC-3:30``."""
    zone = f"{local:%z}"
    return f"UTC{zone[0]}{int(zone[1:3])}" + (f":{zone[3:5]}" if zone[3:5] != "00" else "")


def zone_of(zone: tzinfo | None) -> tzinfo:
    """The zone; None is the system's."""
    if zone is not None:
        return zone
    try:
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC


def short(name: str, letters_: int) -> str:
    """A name that fits, with a question mark for each letter that no font has."""
    return drawable(name if len(name) <= letters_ else f"{name[: letters_ - 1]}…")
