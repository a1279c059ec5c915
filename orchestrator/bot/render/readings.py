"""Readings of hosts, now and as a chart: the words around the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.kinds import kind_buttons
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, esc, lines, pad, pre, table, width
from orchestrator.fleet import By, clean_line
from orchestrator.monitor.charts import Chart, Limit, Line
from orchestrator.monitor.query import Metric, Series
from orchestrator.monitor.window import Window
from orchestrator.readings import History, Now

MOST_ROWS = 40
MOST_IN_CAPTION = 12
MOST_LIMITS = 3
NAME = 20  # columns

TOP: Mapping[Metric, By] = {Metric.CPU: By.CPU, Metric.MEMORY: By.MEMORY}
LABELS: Mapping[Metric, str] = {
    Metric.CPU: N_("CPU"),
    Metric.MEMORY: N_("Memory"),
    Metric.DISK: N_("Disk"),
    Metric.LOAD: N_("Load per core"),
}
RANGES: Sequence[tuple[int, str]] = ((60, N_("1 h")), (360, N_("6 h")), (1440, N_("24 h")), (10080, N_("7 d")))


def now(metric: Metric, what: str, found: Sequence[Now], at: datetime, locale: Locale) -> Message:
    """The newest reading of one host or of many. `what` is the agent as it was asked for."""
    _ = locale.gettext
    label = _(LABELS[metric])
    if len(found) == 1:
        title, body = _one(metric, found[0], locale), _mounts(found[0]) if metric is Metric.DISK else Html("")
        note = _note(found[0], locale)
    else:
        title, body, note = (
            f"📈 {label} · {_summary(found, locale)}",
            pre(_many(found, locale)),
            Html(""),
        )
    time = esc(_("as of {time}").format(time=locale.clock(at)))
    return Message(lines((bold(title), body, note, time)), _value_buttons(metric, what, found, locale))


def _summary(found: Sequence[Now], locale: Locale) -> str:
    _ = locale.gettext
    parts = [locale.ngettext("{n} host", "{n} hosts", len(found)).format(n=len(found))]
    if high := sum(each.high for each in found):
        parts.append(_("{n} high").format(n=high))
    if silent := sum(not each.readings for each in found):
        parts.append(_("{n} without a reading").format(n=silent))
    return " · ".join(parts)


def _one(metric: Metric, found: Now, locale: Locale) -> str:
    label = locale.gettext(LABELS[metric])
    if not found.readings:
        return f"⚪ {label} · {found.host} · {locale.gettext('no reading')}"
    return f"{_mark(found)} {label} · {found.host} · {percent(found.readings[0].value)}"


def _note(found: Now, locale: Locale) -> Html:
    why = translate(found.why, locale)
    if not found.readings:
        return esc(why)
    return esc(locale.gettext("Asked directly: {why}.").format(why=why)) if found.direct else Html("")


def _mounts(found: Now) -> Html:
    """Mount points are the host's words: on one line each."""
    rows = [(_short(reading.mount, COLUMNS - 6), percent(reading.value)) for reading in found.readings[:MOST_ROWS]]
    return pre("\n".join(table(rows, right=frozenset({1}))))


def _many(found: Sequence[Now], locale: Locale) -> str:
    """One line a host; with too many of them, those that need a look."""
    _ = locale.gettext
    ranked = sorted(found, key=lambda each: (bool(each.readings), -each.readings[0].value if each.readings else 0.0))
    shown = found if len(found) <= MOST_ROWS else ranked[:MOST_ROWS]
    rows = []
    for each in shown:
        name = cut(each.host, NAME)
        if each.readings:
            first = each.readings[0]
            rows.append(f"{_mark(each)} {pad(name, _column(shown))} {percent(first.value):>4}")
            rows[-1] += f" {_short(first.mount, COLUMNS - width(rows[-1]) - 1)}" if first.mount else ""
        else:
            line = f"⚪ {pad(name, _column(shown))} "
            rows.append(line + cut(translate(each.why, locale), COLUMNS - width(line)))
    if len(found) > len(shown):
        rows.append(_("and {n} more").format(n=len(found) - len(shown)))
    return "\n".join(rows)


def _column(found: Sequence[Now]) -> int:
    return min(NAME, max(width(each.host) for each in found))


@dataclass(frozen=True, slots=True)
class View:
    """What a chart is of: `what` is the agent as it was asked for; `minutes` tells that it shows the last so many."""

    metric: Metric
    what: str
    window: Window
    minutes: int | None = None


def chart(view: View, history: History, locale: Locale, *, dark: bool) -> Chart:
    """What to draw of a history: of one host each file system, of several the fullest of each."""
    alone = len({series.host for series in history.series}) == 1
    return Chart(
        percent=view.metric is not Metric.LOAD,
        title=f"{locale.gettext(LABELS[view.metric])} · {cut(view.what, 40)}",
        lines=[Line(_name(each, alone), each.points) for each in _drawn(history)],
        start=view.window.start,
        end=view.window.end,
        gap=2.5 * view.window.step,
        zone=locale.zone,
        limits=limits(view.metric, history, locale),
        shaded=[(each.start, each.end) for each in history.firing],
        others=locale.gettext("{n} more"),
        dark=dark,
    )


def limits(metric: Metric, history: History, locale: Locale) -> list[Limit]:
    """From where the values are high: one line where that is the same for all hosts, and none where it is many."""
    drawn = {series.host for series in history.series}
    found = {limit.value: limit.origin for host, limit in history.limits.items() if host in drawn}
    if len(found) > MOST_LIMITS:
        return []
    return [Limit(value, _label(figure(metric, value), origin, locale)) for value, origin in found.items()]


def _label(value: str, origin: str, locale: Locale) -> str:
    """``80%``, or ``95% · group web`` where somebody has set it."""
    return value if origin == "default" else f"{value} · {translate(origin, locale)}"


def picture(view: View, history: History, png: bytes, locale: Locale) -> Message:
    """A chart with its figures."""
    _ = locale.gettext
    drawn = _drawn(history)
    alone = len({series.host for series in drawn}) == 1
    first = drawn[0]
    head = f"📈 {_(LABELS[view.metric])} · {cut(view.what, 40)}"
    if len(drawn) == 1:
        head += f" · {figure(view.metric, first.last)}"
        figures = esc(
            _("last {last} · average {mean} · highest {most}").format(
                **{each: figure(view.metric, getattr(first, each)) for each in ("last", "mean", "most")}
            )
        )
    else:
        shown = sorted(drawn, key=lambda series: -series.most)[:MOST_IN_CAPTION]
        columns = ["", _("last"), _("avg"), _("max")]
        names = [cut(_name(series, alone), 16) for series in shown]
        numbers = [(series.last, series.mean, series.most) for series in shown]
        rows = [
            [name, *(figure(view.metric, each) for each in three)] for name, three in zip(names, numbers, strict=True)
        ]
        more = [_("and {n} more").format(n=len(drawn) - len(shown))] if len(drawn) > len(shown) else []
        figures = pre("\n".join([*table([columns, *rows], right=frozenset({1, 2, 3})), *more]))
    span = esc(_span(view.window, locale))
    parts = (bold(head), figures, missing(history.missing, locale), _begins(view.window, drawn, locale), span)
    return Message(lines(parts), _chart_buttons(view, locale), picture=Document(f"{view.metric}.png", png))


def _drawn(history: History) -> Sequence[Series]:
    """Of one host all; of several one series each, which is the fullest."""
    if len({series.host for series in history.series}) == 1:
        return history.series
    first: dict[str, Series] = {}
    for series in history.series:
        first.setdefault(series.host, series)
    return list(first.values())


def _begins(window: Window, drawn: Sequence[Series], locale: Locale) -> Html:
    """Since when there is data, where most of a picture would be empty for want of it."""
    first = min(series.points[0][0] for series in drawn)
    if first - window.start < max((window.end - window.start) / 5, 4 * window.step):
        return Html("")
    since = locale.clock(datetime.fromtimestamp(first, UTC))
    return esc("ℹ " + locale.gettext("Data since {time}.").format(time=since))


def missing(whys: Mapping[str, str], locale: Locale) -> Html:
    """Hosts without data, those of the same reason together, short enough for a caption."""
    if not whys:
        return Html("")
    hosts: dict[str, list[str]] = {}
    for host, why in whys.items():
        hosts.setdefault(why, []).append(host)
    parts = []
    for why, names in hosts.items():
        more = " …" if len(names) > 3 else ""
        parts.append(f"{', '.join(names[:3])}{more} ({translate(why, locale)})")
    return esc("⚪ " + cut(locale.gettext("No data: {hosts}").format(hosts="; ".join(parts)), 200))


def nothing(view: View, history: History, locale: Locale) -> Message:
    """There is nothing to draw, and why."""
    _ = locale.gettext
    title = "⚪ " + _("No {metric} data").format(metric=_(LABELS[view.metric]))
    rows = [f"{name}: {translate(why, locale)}" for name, why in list(history.missing.items())[:MOST_ROWS]]
    return Message(lines((bold(title), esc("\n".join(rows)), esc(_span(view.window, locale)))))


def _span(window: Window, locale: Locale) -> str:
    start, end = (datetime.fromtimestamp(at, UTC).astimezone(locale.zone) for at in (window.start, window.end))
    today = start.date() == datetime.now(UTC).astimezone(locale.zone).date()
    return f"{start:%H:%M} – {locale.clock(end)}" if today else f"{start:%Y-%m-%d %H:%M} – {locale.clock(end)}"


def _value_buttons(metric: Metric, what: str, found: Sequence[Now], locale: Locale) -> tuple[tuple[Button, ...], ...]:
    """Ask again; or see a picture, or of one host what takes so much, which are messages of their own."""
    args = {"metric": metric.value, "agent": what}
    charts = (
        Button(locale.gettext(label), "mon.chart", {**args, "minutes": str(length), "under": "value"})
        for length, label in RANGES
    )
    row = Button("↻", "mon.now", args), *charts
    more = kind_buttons(metric, what, locale, several=len(found) > 1)
    if len(found) == 1 and metric in TOP:
        args = {"hosts": found[0].host, "by": TOP[metric].value, "under": "value"}
        more = (Button(locale.gettext("Top"), "top.show", args), *more)
    return (row, more) if more else (row,)


def _chart_buttons(view: View, locale: Locale) -> tuple[tuple[Button, ...], ...]:
    """Other ranges, ↻ where it shows the newest, and ◐ for light or dark: all change the picture in place."""
    args = {"metric": view.metric.value, "agent": view.what}
    charts = []
    for length, label in RANGES:
        text = f"• {locale.gettext(label)}" if length == view.minutes else locale.gettext(label)
        charts.append(Button(text, "mon.chart", {**args, "minutes": str(length)}))
    if view.minutes is None:
        same = {**args, "start": str(view.window.start), "end": str(view.window.end)}
        return tuple(charts), (Button("◐", "mon.style", same),)
    same = {**args, "minutes": str(view.minutes)}
    return tuple(charts), (Button("↻", "mon.chart", same), Button("◐", "mon.style", same))


def _name(series: Series, alone: bool) -> str:
    """What tells it from the others: of one host the mount point, which is the host's word."""
    return _short(series.mount, 60) if alone and series.mount else series.host


def _short(text: str, columns: int) -> str:
    return cut(clean_line(text, 200), columns)


def _mark(found: Now) -> str:
    return "🟡" if found.high else "🟢"


def figure(metric: Metric, value: float) -> str:
    """A value for people: ``83%``; of the load ``2.4``."""
    if metric is Metric.LOAD:
        return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
    return percent(value)


def percent(value: float) -> str:
    """A ratio for people."""
    return f"{value:.0%}"
