"""Pictures of logins, and the words under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.render.loginlist import unfollowed
from orchestrator.bot.render.markup import Html, bold, cut, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.monitor.charts import Columns, Panel, Picture, Week, WeekMap, offset
from orchestrator.store.loginfigures import Bucket

DAYS: Sequence[str] = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
QUARTER_S = 900.0  # zones differ by quarters of an hour


class Kind(StrEnum):
    """What can be drawn."""

    CHART = "chart"
    WEEK = "week"


RANGES: Mapping[Kind, Sequence[tuple[int, str]]] = {
    Kind.CHART: ((1, N_("24 h")), (7, N_("7 d")), (30, N_("30 d"))),
    Kind.WEEK: ((28, N_("4 weeks")), (84, N_("12 weeks"))),
}
CELLS_H: Mapping[int, int] = {1: 1, 7: 6, 30: 24}
"""Hours of a column, by the days that are shown."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`, in pieces `width` long: seconds, the ends since the epoch."""

    start: float
    end: float
    width: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture of the last `days`, asked for `at` a time, of what `agent` means; empty for all."""

    kind: Kind
    days: int
    agent: str
    at: datetime

    @property
    def days_shown(self) -> int:
        """One of those there are."""
        offered = [days for days, _ in RANGES[self.kind]]
        return self.days if self.days in offered else offered[0]

    def span(self, zone: tzinfo | None) -> Span:
        """What to count in: columns begin at full hours, or days, of the reader's clock."""
        if self.kind is Kind.WEEK:
            end = self.at.timestamp() // QUARTER_S * QUARTER_S + QUARTER_S
            return Span(end - self.days_shown * 86400, end, QUARTER_S)
        width = CELLS_H[self.days_shown] * 3600
        east = self.at.astimezone(zone).utcoffset()
        shift = int(east.total_seconds()) if east else 0
        end = (int(self.at.timestamp()) + shift) // width * width + width - shift
        return Span(end - self.days_shown * 86400, end, width)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was asked for, counted."""

    asked: Asked
    span: Span
    buckets: Sequence[Bucket]
    since: float | None = None
    """From when on anything is known; None: nothing is."""

    @property
    def logins(self) -> int:
        """All of them."""
        return sum(bucket.logins for bucket in self.buckets)

    @property
    def failures(self) -> int:
        """All of them."""
        return sum(bucket.failures for bucket in self.buckets)

    def picture(self, locale: Locale, *, dark: bool) -> Picture:
        """What to draw."""
        title = _title(self.asked, locale)
        names = _totals(self, locale)
        if self.asked.kind is Kind.WEEK:
            label = dict(RANGES[Kind.WEEK])[self.asked.days_shown]
            span = f"{locale.gettext(label)} ({offset(self.asked.at.astimezone(locale.zone))})"
            days = [locale.gettext(day) for day in DAYS]
            weeks = by_hour(self.buckets, locale.zone)
            return Week(title, [WeekMap(*each) for each in zip(names, weeks, strict=True)], days, span, dark=dark)
        panels = (
            Panel(names[0], [bucket.logins for bucket in self.buckets]),
            Panel(names[1], [bucket.failures for bucket in self.buckets], bad=True),
        )
        return Columns(title, panels, self.span.start, self.span.width, locale.zone, dark=dark)

    def message(self, png: bytes, blind: Mapping[str, str], locale: Locale) -> Message:
        """It, drawn, with the totals, and what none of it is known of: a time, or hosts (`blind`, with why)."""
        asked = self.asked
        time = esc(locale.gettext("as of {time}").format(time=locale.clock(asked.at)))
        head = " · ".join((*_totals(self, locale), *filter(None, [_agent(asked)])))
        warnings = (esc(f"⚠ {each}") for each in unfollowed(blind, locale))
        text = lines((bold(f"🔑 {head}"), *warnings, self._unknown(locale), time))
        return Message(text, (_buttons(asked, locale),), picture=Document(f"logins-{asked.kind}.png", png))

    def _unknown(self, locale: Locale) -> Html:
        """No column is no login only where something would be known of one."""
        if self.since is None:
            return esc("ℹ " + locale.gettext("Nothing is known of logins yet."))
        if self.since <= self.span.start:
            return Html("")
        begin = locale.clock(datetime.fromtimestamp(self.since, UTC))
        return esc("ℹ " + locale.gettext("Data since {time}.").format(time=begin))


def _title(asked: Asked, locale: Locale) -> str:
    return " · ".join(filter(None, (locale.gettext("Logins"), _agent(asked))))


def _agent(asked: Asked) -> str:
    return cut(clean_line(asked.agent, 60), 30)


def _totals(counted: Counted, locale: Locale) -> tuple[str, str]:
    came, failed = counted.logins, counted.failures
    return (
        locale.ngettext("{n} login", "{n} logins", came).format(n=came),
        locale.ngettext("{n} failed login", "{n} failed logins", failed).format(n=failed),
    )


def _buttons(asked: Asked, locale: Locale) -> tuple[Button, ...]:
    args = {"agent": asked.agent, "kind": asked.kind.value}
    keys = []
    for days, label in RANGES[asked.kind]:
        text = f"• {locale.gettext(label)}" if days == asked.days_shown else locale.gettext(label)
        keys.append(Button(text, "logins.redraw", {**args, "days": str(days)}))
    same = {**args, "days": str(asked.days_shown)}
    return *keys, Button("↻", "logins.redraw", same), Button("◐", "logins.style", same)


def by_hour(buckets: Sequence[Bucket], zone: tzinfo | None) -> tuple[list[list[int]], list[list[int]]]:
    """Logins and failures by weekday and hour of the reader's clock, whatever its offset was then."""
    came, failed = ([[0] * 24 for _ in range(7)] for _ in range(2))
    for bucket in buckets:
        local = datetime.fromtimestamp(bucket.start, UTC).astimezone(zone)
        came[local.weekday()][local.hour] += bucket.logins
        failed[local.weekday()][local.hour] += bucket.failures
    return came, failed
