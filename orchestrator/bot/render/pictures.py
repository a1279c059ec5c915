"""Pictures of a whole fleet, and the words under them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from statistics import median

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.kinds import NAMES, Kind
from orchestrator.bot.render.markup import Html, bold, cut, cut_units, esc, lines
from orchestrator.bot.render.readings import LABELS, missing, percent
from orchestrator.fleet import clean_line
from orchestrator.monitor.charts import (
    MOST_BARS,
    MOST_HOSTS,
    MOST_ROWS,
    Bar,
    Bars,
    Card,
    CardRow,
    Heat,
    HeatRow,
    Mark,
    Spark,
    Spread,
)
from orchestrator.monitor.query import USUAL, Metric, Series
from orchestrator.monitor.window import Window
from orchestrator.readings import Course, Now
from orchestrator.ssh.state import Phase

DAY_MIN, WEEK_MIN = 1440, 10080
RANGES: Sequence[tuple[int, str]] = ((DAY_MIN, N_("24 h")), (WEEK_MIN, N_("7 d")))
CARD_STEPS = 96
MOST_NAMED = 8  # hosts in a caption
CELLS: Mapping[int, tuple[int, int]] = {DAY_MIN: (24, 3600), WEEK_MIN: (56, 3 * 3600)}  # how many, of how many seconds
POINTS_A_CELL = 4

MARKS: Mapping[Mark, str] = {Mark.UP: "🟢", Mark.WARNING: "🟡", Mark.DOWN: "🔴", Mark.UNKNOWN: "⚪"}
SEVERITY = (Mark.DOWN, Mark.WARNING, Mark.UNKNOWN, Mark.UP)


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture asked for `at` a time: `what` is the agent in the asker's words, `minutes` how far back it goes."""

    kind: Kind
    metric: Metric
    what: str
    at: datetime
    minutes: int = DAY_MIN


def grid(minutes: int, now: datetime, zone: tzinfo | None) -> tuple[Window, int]:
    """The window of a heat map and the seconds of a cell: cells begin at full hours of the reader's clock."""
    count, cell = CELLS[minutes]
    offset = now.astimezone(zone).utcoffset()
    shift = int(offset.total_seconds()) if offset else 0
    end = -(-(int(now.timestamp()) + shift + 1) // cell) * cell - shift
    return Window(end - count * cell, end), cell


def heat(asked: Asked, courses: Sequence[Course], window: Window, cell: int, locale: Locale, *, dark: bool) -> Heat:
    """A row a host, each cell the average of what is known of it; with too many hosts, those that are busiest."""
    rows = {course.host: _cells(course.series.get(asked.metric), window, cell) for course in courses}
    known = {host: cells for host, cells in rows.items() if any(value is not None for value in cells)}
    if all(cells[-1] is None for cells in known.values()):  # an hour that has only just begun
        known = {host: cells[:-1] for host, cells in known.items()}
    busiest = sorted(known, key=lambda host: -_mean(known[host]))[:MOST_ROWS]
    return Heat(
        title=_title(asked, locale),
        rows=[HeatRow(host, known[host]) for host in known if host in frozenset(busiest)],
        start=window.start,
        cell=cell,
        zone=locale.zone,
        dark=dark,
    )


def bars(asked: Asked, found: Sequence[Now], locale: Locale, *, dark: bool) -> Bars:
    """A bar a disk; with too many, the fullest."""
    alone = len(found) == 1
    disks = [
        Bar(clean_line(each.mount if alone else f"{now.host} {each.mount}", 200), each.value, now.limit)
        for now in found
        for each in now.readings
    ]
    fullest = sorted(disks, key=lambda bar: -bar.value)[:MOST_BARS]
    return Bars(_title(asked, locale), fullest, asked.at.timestamp(), locale.zone, dark=dark)


def spread(asked: Asked, found: Sequence[Now], locale: Locale, *, dark: bool) -> Spread:
    """Hosts by value, of disks by their fullest one's, and the limit that holds for most of them."""
    values = [(each.host, each.readings[0].value) for each in found if each.readings]
    limit = Counter(each.limit for each in found).most_common(1)[0][0]
    return Spread(_title(asked, locale), values, limit, asked.at.timestamp(), locale.zone, dark=dark)


def card(courses: Sequence[Course], window: Window, locale: Locale, *, dark: bool) -> Card:
    """Worst first; with too many hosts, the rest is counted."""
    ranked = worst_first(courses)
    left = len(ranked) - MOST_HOSTS
    note = locale.gettext("and {n} more").format(n=left) if left > 0 else ""
    return Card(
        title=summary(courses, locale),
        rows=[_row(course, locale) for course in ranked[:MOST_HOSTS]],
        labels=[locale.gettext(LABELS[metric]) for metric in USUAL],
        start=window.start,
        end=window.end,
        gap=2.5 * (window.end - window.start) / CARD_STEPS,
        zone=locale.zone,
        note=note,
        dark=dark,
    )


def mark(course: Course) -> Mark:
    """How a host is; without a reading it is never well."""
    if course.now:
        return Mark.WARNING if any(map(course.high, course.now)) else Mark.UP
    gone = course.state.phase in (Phase.BACKOFF, Phase.PARKED) or course.state.reason
    return Mark.DOWN if course.state.phase is not Phase.UP and gone else Mark.UNKNOWN


def worst_first(courses: Sequence[Course]) -> list[Course]:
    """Down, in need of a look, unknown, well; among these by how near a value is to its limit."""

    def rank(course: Course) -> tuple[int, float]:
        near = (value / course.limits[metric].value for metric, value in course.now.items())
        return SEVERITY.index(mark(course)), -max(near, default=0.0)

    return sorted(courses, key=rank)


def summary(courses: Sequence[Course], locale: Locale) -> str:
    """``12 hosts · 10 up · 1 down · 1 warning``: a warning is up, too, but is counted once."""
    n, counts = len(courses), Counter(map(mark, courses))
    up, down = counts[Mark.UP], counts[Mark.DOWN]
    warnings, unknown = counts[Mark.WARNING], counts[Mark.UNKNOWN]
    texts = [
        locale.ngettext("{n} host", "{n} hosts", n).format(n=n),
        locale.ngettext("{n} up", "{n} up", up).format(n=up),
        locale.ngettext("{n} down", "{n} down", down).format(n=down) if down else "",
        locale.ngettext("{n} warning", "{n} warnings", warnings).format(n=warnings) if warnings else "",
        locale.ngettext("{n} unknown", "{n} unknown", unknown).format(n=unknown) if unknown else "",
    ]
    return " · ".join(filter(None, texts))


def troubles(courses: Sequence[Course], locale: Locale) -> Html:
    """Those that need a look, a line each, as many as a caption can take."""
    bad = [course for course in worst_first(courses) if mark(course) is not Mark.UP]
    rows = [f"{MARKS[mark(course)]} {course.host} · {_trouble(course, locale)}" for course in bad[:MOST_NAMED]]
    if len(bad) > MOST_NAMED:
        rows.append(locale.gettext("and {n} more").format(n=len(bad) - MOST_NAMED))
    return esc("\n".join(cut(row, 90) for row in rows))


def heat_message(asked: Asked, courses: Sequence[Course], drawn: Heat, png: bytes, locale: Locale) -> Message:
    """The map with the busiest hosts."""
    means = sorted(((_mean(row.cells), row.name) for row in drawn.rows), reverse=True)
    busiest = " · ".join(f"{name} {percent(mean)}" for mean, name in means[:3])
    body = [esc(locale.gettext("highest on average: {hosts}").format(hosts=busiest))]
    known = {course.host for course in courses if asked.metric in course.series}
    if left := len(known) - len(drawn.rows):
        body.append(esc(locale.gettext("and {n} more").format(n=left)))
    body.append(missing({course.host: course.why for course in courses if course.host not in known}, locale))
    return _message(asked, f"🗺 {_title(asked, locale)}", body, png, locale)


def bars_message(asked: Asked, found: Sequence[Now], png: bytes, locale: Locale) -> Message:
    """The disks with how many are nearly full."""
    _, fullest, host = max((each.readings[0].value, each.readings[0], each.host) for each in found if each.readings)
    mount = cut(clean_line(fullest.mount, 200), 30)
    head = f"💽 {_title(asked, locale)} · {percent(fullest.value)} {mount}"
    full = sum(each.value >= now_.limit for now_ in found for each in now_.readings)
    said = locale.ngettext("{n} disk is high", "{n} disks are high", full).format(n=full)
    where = locale.gettext("fullest: {what}").format(what=f"{host} {mount}") if len(found) > 1 else ""
    return _message(asked, head, [esc(said), esc(where), _unread(found, locale)], png, locale)


def spread_message(asked: Asked, found: Sequence[Now], png: bytes, locale: Locale) -> Message:
    """How many hosts are high, and where the middle is."""
    _ = locale.gettext
    values = sorted((each.readings[0].value, each.host) for each in found if each.readings)
    high = sum(each.high for each in found)
    head = f"📊 {_title(asked, locale)} · " + _("{n} of {total} high").format(n=high, total=len(values))
    said = _("median {median} · lowest {lowest} · highest {highest}").format(
        median=percent(median(value for value, _host in values)),
        lowest=f"{percent(values[0][0])} {values[0][1]}",
        highest=f"{percent(values[-1][0])} {values[-1][1]}",
    )
    return _message(asked, head, [esc(said), _unread(found, locale)], png, locale)


def card_message(asked: Asked, courses: Sequence[Course], png: bytes, locale: Locale) -> Message:
    """The fleet on one page, with those that need a look."""
    return _message(asked, f"🖥 {summary(courses, locale)}", [troubles(courses, locale)], png, locale)


def nothing(asked: Asked, whys: Mapping[str, str], locale: Locale) -> Message:
    """There is nothing to draw, and why."""
    title = "⚪ " + locale.gettext("No {metric} data").format(metric=locale.gettext(LABELS[asked.metric]))
    return Message(lines((bold(title), missing(whys, locale))))


def _message(asked: Asked, head: str, body: Sequence[Html], png: bytes, locale: Locale) -> Message:
    time = esc(locale.gettext("as of {time}").format(time=locale.clock(asked.at)))
    text = lines((bold(cut_units(head, 120)), *body, time))
    return Message(text, _buttons(asked, locale), picture=Document(f"{asked.kind}.png", png))


def _buttons(asked: Asked, locale: Locale) -> tuple[tuple[Button, ...], ...]:
    """Another range where there is one, ↻, and ◐ for light or dark: all change the picture in place."""
    args = {"kind": asked.kind.value, "metric": asked.metric.value, "agent": asked.what}
    same = {**args, "minutes": str(asked.minutes)}
    row = [Button("↻", "picture.show", same), Button("◐", "picture.style", same)]
    if asked.kind in (Kind.HEAT, Kind.CARD):
        ranges = []
        for minutes, label in RANGES:
            text = f"• {locale.gettext(label)}" if minutes == asked.minutes else locale.gettext(label)
            ranges.append(Button(text, "picture.show", {**args, "minutes": str(minutes)}))
        row = [*ranges, *row]
    return (tuple(row),)


def _title(asked: Asked, locale: Locale) -> str:
    name = "" if asked.kind in (Kind.BARS, Kind.SPREAD) else f" · {locale.gettext(NAMES[asked.kind])}"
    return f"{locale.gettext(LABELS[asked.metric])} · {cut(asked.what, 40)}{name}"


def _unread(found: Sequence[Now], locale: Locale) -> Html:
    return missing({each.host: each.why for each in found if not each.readings}, locale)


def _row(course: Course, locale: Locale) -> CardRow:
    if not course.series:
        return CardRow(course.host, mark(course), (), _trouble(course, locale))
    sparks = [
        Spark(
            course.series[metric].points if metric in course.series else (),
            course.limits[metric].value,
            course.now.get(metric),
        )
        for metric in USUAL
    ]
    return CardRow(course.host, mark(course), sparks)


def _trouble(course: Course, locale: Locale) -> str:
    if course.now:
        high = [metric for metric in course.now if course.high(metric)]
        return " · ".join(f"{locale.gettext(LABELS[metric])} {percent(course.now[metric])}" for metric in high)
    if mark(course) is not Mark.DOWN:
        return translate(course.why, locale)
    since = locale.ago((datetime.now(UTC) - course.state.since).total_seconds())
    down = locale.gettext("down {time}").format(time=since)
    return f"{down} · {translate(course.why, locale)}" if course.why else down


def _cells(series: Series | None, window: Window, cell: int) -> list[float | None]:
    """The average of the points in each cell; a point belongs to the time before it."""
    sums = [[0.0, 0.0] for _ in range((window.end - window.start) // cell)]
    for at, value in series.points if series else ():
        number = int(-(-(at - window.start) // cell)) - 1
        if 0 <= number < len(sums):
            sums[number][0] += value
            sums[number][1] += 1
    return [total / count if count else None for total, count in sums]


def _mean(cells: Sequence[float | None]) -> float:
    known = [value for value in cells if value is not None]
    return sum(known) / len(known) if known else 0.0
