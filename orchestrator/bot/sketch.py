"""What is known for a picture of a fleet, before it is drawn: for the chat, the summary and the command line alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Message
from orchestrator.bot.render import pictures as render
from orchestrator.bot.render.kinds import Kind
from orchestrator.bot.render.pictures import CARD_STEPS, POINTS_A_CELL, Asked
from orchestrator.inventory import HostSet
from orchestrator.monitor.charts import Heat, Picture
from orchestrator.monitor.window import Window
from orchestrator.readings import Course, Now, Readings


class Sketch(Protocol):
    """A picture to be."""

    @property
    def whys(self) -> Mapping[str, str]:
        """The hosts that nothing is known of, and why."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to draw."""

    def picture(self, locale: Locale, *, dark: bool) -> Picture:
        """What to draw."""

    def message(self, png: bytes, locale: Locale) -> Message:
        """It, drawn, with words and buttons."""

    def nothing(self, locale: Locale) -> Message:
        """Why there is nothing."""


async def sketch(asked: Asked, hosts: HostSet, readings: Readings, zone: tzinfo | None) -> Sketch:
    """Read what a picture needs; raises PrometheusError."""
    if asked.kind in (Kind.BARS, Kind.SPREAD):
        return Values(asked, await readings.now(asked.metric, hosts))
    if asked.kind is Kind.HEAT:
        window, cell = render.grid(asked.minutes, asked.at, zone)
        courses = await readings.courses(hosts, window, cell / POINTS_A_CELL, (asked.metric,), averaged=True)
        return HeatMap(asked, courses, window, cell)
    window = Window.last(asked.minutes, asked.at)
    step = (window.end - window.start) / CARD_STEPS
    return FleetCard(asked, await readings.courses(hosts, window, step), window)


@dataclass(frozen=True, slots=True)
class Values:
    """Of newest readings: bars or a spread."""

    asked: Asked
    found: Sequence[Now]

    @property
    def whys(self) -> Mapping[str, str]:
        """Hosts without a reading."""
        return {each.host: each.why for each in self.found if not each.readings}

    @property
    def empty(self) -> bool:
        """True when none has a reading."""
        return len(self.whys) == len(self.found)

    def picture(self, locale: Locale, *, dark: bool) -> Picture:
        """What to draw."""
        paint = render.bars if self.asked.kind is Kind.BARS else render.spread
        return paint(self.asked, self.found, locale, dark=dark)

    def message(self, png: bytes, locale: Locale) -> Message:
        """It, drawn."""
        words = render.bars_message if self.asked.kind is Kind.BARS else render.spread_message
        return words(self.asked, self.found, png, locale)

    def nothing(self, locale: Locale) -> Message:
        """Why there is nothing."""
        return render.nothing(self.asked, self.whys, locale)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Of a metric over time."""

    asked: Asked
    courses: Sequence[Course]
    window: Window
    cell: int

    @property
    def whys(self) -> Mapping[str, str]:
        """Hosts without a value at any time."""
        return {course.host: course.why for course in self.courses if not course.series}

    @property
    def empty(self) -> bool:
        """True when none has one."""
        return len(self.whys) == len(self.courses)

    def picture(self, locale: Locale, *, dark: bool) -> Heat:
        """What to draw."""
        return render.heat(self.asked, self.courses, self.window, self.cell, locale, dark=dark)

    def message(self, png: bytes, locale: Locale) -> Message:
        """It, drawn."""
        drawn = self.picture(locale, dark=False)
        return render.heat_message(self.asked, self.courses, drawn, png, locale)

    def nothing(self, locale: Locale) -> Message:
        """Why there is nothing."""
        return render.nothing(self.asked, self.whys, locale)


@dataclass(frozen=True, slots=True)
class FleetCard:
    """Of everything, on one page. Hosts of which nothing is known are on it, too."""

    asked: Asked
    courses: Sequence[Course]
    window: Window

    @property
    def whys(self) -> Mapping[str, str]:
        """Hosts without a value now."""
        return {course.host: course.why for course in self.courses if not course.now}

    @property
    def empty(self) -> bool:
        """Never: what is not known is told."""
        return False

    def picture(self, locale: Locale, *, dark: bool) -> Picture:
        """What to draw."""
        return render.card(self.courses, self.window, locale, dark=dark)

    def message(self, png: bytes, locale: Locale) -> Message:
        """It, drawn."""
        return render.card_message(self.asked, self.courses, png, locale)

    def nothing(self, locale: Locale) -> Message:
        """There are no hosts."""
        return render.nothing(self.asked, self.whys, locale)
