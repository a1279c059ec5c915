"""What fires now, and what is silenced: lists at phone width with a button for each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.alerts.alertmanager import Silence
from orchestrator.alerts.model import SEVERITIES, AlertGroup
from orchestrator.alerts.watchdog import Part, Watchdog
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render import alerts
from orchestrator.bot.render.alertdigest import folded
from orchestrator.bot.render.alertwords import measured, place
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, cut_units, esc, lines
from orchestrator.bot.render.pages import Page
from orchestrator.fleet import clean_line

PAGE = 8  # lines, each with a button
LABEL = 34  # columns of a button's label
REASON = 200  # UTF-16 units

PARTS: Mapping[Part, str] = {
    Part.PROMETHEUS: N_("Prometheus is away"),
    Part.ALERTMANAGER: N_("Alertmanager is away"),
    Part.RULES: N_("Prometheus sends no alerts"),
    Part.WEBHOOK: N_("what Alertmanager sends does not arrive"),
}


@dataclass(frozen=True, slots=True)
class View:
    """What of the list is shown: those of `name`, on the hosts that `agent` means; empty is any."""

    name: str = ""
    agent: str = ""
    page: int = 0

    def args(self, **other: str) -> Mapping[str, str]:
        """For a button that shows another part of it."""
        return {"name": self.name, "agent": self.agent, "page": str(self.page), **other}


def firing(groups: Sequence[AlertGroup], view: View, watchdog: Watchdog, now: datetime, locale: Locale) -> Message:
    """The incidents that go on, the worst first; many of a name are one line, which opens them."""
    shown = sorted((group for group in groups if view.name in ("", group.name)), key=_rank)
    kinds: dict[str, list[AlertGroup]] = {}
    for group in shown:
        kinds.setdefault(group.name, []).append(group)
    if view.name or len(shown) <= PAGE:
        rows = [([group], _line(group, now, locale)) for group in shown]
    else:
        rows = [(each, _line(each[0], now, locale) if len(each) == 1 else _many(each)) for each in kinds.values()]
    page = Page(rows, view.page, PAGE)
    body = [esc(line) for _, line in page.shown]
    time = esc(locale.gettext("as of {time}").format(time=locale.clock(now)))
    keys = tuple((_open(each, view),) for each, _ in page.shown)
    foot = [Button("↻", "alerts.show", view.args(page=str(page.number)))]
    if view.name:
        foot.append(Button("▴", "alerts.show", view.args(name="", page="0")))
    return Message(
        lines((bold(_title(shown, view, locale)), *body, _doubt(watchdog, locale), time)),
        (*keys, (*foot, *page.buttons("alerts.show", view.args()))),
    )


def _title(groups: Sequence[AlertGroup], view: View, locale: Locale) -> str:
    what = " · ".join(filter(None, (clean_line(view.name, 40), cut(clean_line(view.agent, 60), 20))))
    if not groups:
        told = "⚪ " + locale.gettext("No alert fires")
    else:
        told = locale.ngettext("{n} alert fires", "{n} alerts fire", len(groups)).format(n=len(groups))
        hosts = len({group.host for group in groups})
        where = locale.ngettext("{n} host", "{n} hosts", hosts).format(n=hosts)
        told = f"{alerts.mark(groups[0])} {told} · {where}"
    return " · ".join(filter(None, (told, what)))


def _line(group: AlertGroup, now: datetime, locale: Locale) -> str:
    first = alerts.worst(group)
    age = locale.ago(now.timestamp() - group.since)
    signs = ("👤" if group.acked_by else "") + ("🔕" if group.silence else "")
    told = (alerts.name(group), clean_line(group.host, alerts.NAME), place(first, 20), measured(first, locale), age)
    return f"{alerts.mark(group)} {' · '.join(filter(None, (*told, signs)))}"


def _many(groups: Sequence[AlertGroup]) -> str:
    hosts = list(dict.fromkeys(clean_line(group.host, alerts.NAME) for group in groups if group.host))
    return cut(f"{alerts.mark(groups[0])} {len(groups)} × {alerts.name(groups[0])} · {folded(hosts)}", 3 * COLUMNS)


def _open(groups: Sequence[AlertGroup], view: View) -> Button:
    first = groups[0]
    if len(groups) == 1:
        label = cut(f"{alerts.mark(first)} {alerts.name(first)} · {clean_line(first.host, alerts.NAME)}", LABEL)
        return Button(label, "alerts.open", {"id": first.id})
    label = cut(f"{alerts.mark(first)} {len(groups)} × {alerts.name(first)} ▸", LABEL)
    return Button(label, "alerts.show", view.args(name=first.name, page="0"))


def _doubt(watchdog: Watchdog, locale: Locale) -> Html:
    """A list is only worth what arrives."""
    _ = locale.gettext
    if fault := watchdog.fault:
        told = _("No new alert would arrive: {part}.").format(part=_(PARTS[fault.part]))
        return esc(cut_units(f"⚠ {told} {translate(fault.detail, locale)}", REASON))
    if watchdog.heard_at is None:
        return esc("⚪ " + _("Whether alerts arrive here is not known yet."))
    return Html("")


def silences(found: Sequence[Silence], number: int, now: datetime, locale: Locale) -> Message:
    """What is silenced now or will be, with a button to end each."""
    _ = locale.gettext
    rows = sorted((each for each in found if each.state != "expired"), key=lambda each: (each.starts_at, each.ends_at))
    page = Page(rows, number, PAGE)
    part = list(enumerate(page.shown, page.number * PAGE + 1))
    head = locale.ngettext("{n} silence", "{n} silences", len(rows)).format(n=len(rows)) if rows else _("No silences")
    here = {"page": str(page.number)}
    body = [esc(_silence(line, each, now, locale)) for line, each in part]
    keys = [Button(f"✖ {line}", "silences.end", {"id": each.id, **here}) for line, each in part]
    foot = (Button("↻", "silences.show", here), *page.buttons("silences.show", {}))
    rows_of_keys = tuple(tuple(keys[at : at + 4]) for at in range(0, len(keys), 4))
    time = esc(_("as of {time}").format(time=locale.clock(now)))
    return Message(lines((bold(f"🔕 {head}"), *body, time)), (*rows_of_keys, foot))


def _silence(number: int, silence: Silence, now: datetime, locale: Locale) -> str:
    _ = locale.gettext
    what = cut_units(", ".join(str(matcher) for matcher in silence.matchers), REASON)
    until = _("until {time}").format(time=alerts.clock(silence.ends_at, locale))
    if silence.starts_at > now.timestamp():
        begins = _("from {time}").format(time=alerts.clock(silence.starts_at, locale))
        until = f"{begins} {until}"
    said = " · ".join(filter(None, (until, clean_line(silence.author, 40), clean_line(silence.comment, 60))))
    return f"{number}. {what}\n{said}"


@dataclass(frozen=True, slots=True)
class Made:
    """A silence that was just made: of `what`, between two Unix times."""

    what: str
    id: str
    start: float
    end: float


def silenced(made: Made, now: datetime, locale: Locale) -> Message:
    """A silence is in force, or will be."""
    _ = locale.gettext
    words, times = _("Silenced: {what}"), _("until {time}").format(time=alerts.clock(made.end, locale))
    if made.start > now.timestamp():
        words = _("Will be silenced: {what}")
        times = f"{_('from {time}').format(time=alerts.clock(made.start, locale))} {times}"
    head = f"🔕 {words.format(what=cut_units(made.what, REASON))}"
    undo = Button(_("🔔 Undo"), "silences.undo", {"id": made.id, "what": cut(made.what, 100)})
    every = Button(_("All silences"), "silences.show", {"page": "0"})
    return Message(lines((bold(head), esc(times))), ((undo, every),))


def heard_again(what: str, locale: Locale) -> Message:
    """A silence has ended by hand."""
    told = locale.gettext("Heard again: {what}").format(what=cut_units(what, REASON))
    return Message(bold(f"🔔 {told}"))


def _rank(group: AlertGroup) -> tuple[int, str, float]:
    return SEVERITIES.index(group.severity), group.name, group.since
