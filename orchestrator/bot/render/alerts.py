"""An incident as one message, from its first alert to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.alerts.model import SEVERITIES, Alert, AlertGroup
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.alertwords import in_unit, limit, meaning, measured, place
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, esc, lines, pre, table
from orchestrator.fleet import clean_line
from orchestrator.monitor.query import CHARTED

MARKS: Mapping[str, str] = {"critical": "🔴", "warning": "🟡", "info": "🔵"}
ENDED = "✅"
NAME = 60  # characters of a name that a rule or an inventory gives
MOST_PLACES = 12
TOP = frozenset({"cpu", "mem", "load"})  # metrics that processes explain
MUTE = ((3600, N_("🔕 1 h")), (4 * 3600, N_("4 h")), (24 * 3600, N_("24 h")))
LIFETIME_S = 60 * 86400.0  # of a button: some alerts fire for weeks


def alert(
    group: AlertGroup,
    locale: Locale,
    *,
    known: bool,
    quiet: bool = False,
    origin: str = "",
    peak: float | None = None,
) -> Message:
    """An incident as it is. `known`: its host is in the inventory, so that it can be looked at. `quiet`: only what is
    critical makes a sound now. `origin` is whose threshold it is beyond, `peak` the highest value of one that has
    ended, where that is known.
    """
    ended = group.ended_at is not None
    parts = (
        bold(title(group, locale)),
        esc(_lasted(group, peak, locale) if ended else _since(group, origin, locale)),
        Html("") if ended else esc(meaning(group.alerts[0], locale)),
        _places(group, locale),
        *_hands(group, locale),
    )
    silent = ended or _is_silent(group.severity, quiet=quiet)
    return Message(lines(parts), _buttons(group, locale, known=known), silent=silent)


def joined(found: Sequence[Alert], locale: Locale, *, quiet: bool = False) -> Message:
    """More alerts of an incident that goes on: ``🟡 AgentHighDisk · web1 · also /var 93%``."""
    first = min(found, key=lambda each: SEVERITIES.index(each.severity))
    places = [" ".join(filter(None, (place(each), measured(each, locale)))) for each in found[:MOST_PLACES]]
    more = locale.gettext("also {places}").format(places=", ".join(filter(None, places)))
    head = f"{MARKS[first.severity]} {clean_line(first.name, NAME)}"
    told = " · ".join(filter(None, (head, clean_line(first.host, NAME), more)))
    return Message(bold(told), silent=_is_silent(first.severity, quiet=quiet))


def title(group: AlertGroup, locale: Locale) -> str:
    """The whole story in a line: ``🔴 AgentHighCPU · web1 · 97%``."""
    ended = group.ended_at
    first = worst(group)
    if ended is not None:
        news = locale.gettext("ended {time}").format(time=clock(ended, locale))
    elif len(group.firing) > 1:
        news = locale.ngettext("{n} place", "{n} places", len(group.firing)).format(n=len(group.firing))
        news = " · ".join(filter(None, (news, measured(first, locale))))
    else:
        news = " · ".join(filter(None, (place(first), measured(first, locale))))
    return " · ".join(filter(None, (f"{mark(group)} {name(group)}", clean_line(group.host, NAME), news)))


def mark(group: AlertGroup) -> str:
    """One sign: how bad it is, or that it is over."""
    return MARKS.get(group.severity, "🟡") if group.firing else ENDED


def name(group: AlertGroup) -> str:
    """The name of the rule."""
    return clean_line(group.name, NAME)


def worst(group: AlertGroup) -> Alert:
    """Of those that fire, or of all when none does, the one that is furthest beyond its threshold."""
    return max(group.firing or group.alerts, key=_excess)


def clock(at: float, locale: Locale) -> str:
    """A time of day with its zone, and with the date when that is not today."""
    return locale.clock(datetime.fromtimestamp(at, UTC))


def _excess(alert: Alert) -> float:
    if alert.value is None:
        return float("-inf")
    return alert.value if not alert.threshold else alert.value / alert.threshold


def _is_silent(severity: str, *, quiet: bool) -> bool:
    return severity == "info" or (quiet and severity != "critical")


def _since(group: AlertGroup, origin: str, locale: Locale) -> str:
    """``over 70% (group web) · firing since 14:01:20 +08``."""
    beyond = limit(worst(group), locale)
    if beyond and origin:
        beyond = f"{beyond} ({translate(origin, locale)})"
    told = locale.gettext("firing since {time}").format(time=clock(group.since, locale))
    return " · ".join(filter(None, (beyond, told)))


def _lasted(group: AlertGroup, peak: float | None, locale: Locale) -> str:
    """``lasted 8 min · peak 99%``; what it was last, where more is not known."""
    _ = locale.gettext
    first = worst(group)
    lasted = _("lasted {time}").format(time=locale.took((group.ended_at or group.since) - group.since))
    value = ""
    if peak is not None:
        value = _("peak {value}").format(value=in_unit(peak, first.unit, locale))
    elif first.value is not None:
        value = _("at last {value}").format(value=measured(first, locale))
    return " · ".join(filter(None, (lasted, value)))


def _places(group: AlertGroup, locale: Locale) -> Html:
    """One line for each mount point, device or unit, those that are over too."""
    if len(group.alerts) < 2:
        return Html("")
    # A place that has ended and fires again is there twice: only the newest counts.
    newest = {each.fingerprint: each for each in sorted(group.alerts, key=lambda each: each.starts_at)}
    ranked = sorted(newest.values(), key=lambda each: (not each.firing, -_excess(each)))
    rows = [
        (MARKS.get(each.severity, "🟡") if each.firing else ENDED, place(each, COLUMNS - 12), measured(each, locale))
        for each in ranked[:MOST_PLACES]
    ]
    if len(rows) < 2:
        return Html("")
    more = len(ranked) - len(rows)
    told = [locale.gettext("and {n} more").format(n=more)] if more > 0 else []
    return pre("\n".join([*(cut(row, COLUMNS) for row in table(rows, right=frozenset({2}))), *told]))


def _hands(group: AlertGroup, locale: Locale) -> tuple[Html, ...]:
    """Who looks after it, and until when it is muted."""
    _ = locale.gettext
    acked = muted = Html("")
    if group.acked_by and group.acked_at is not None:
        who, at = clean_line(group.acked_by, NAME), clock(group.acked_at, locale)
        acked = esc("👤 " + _("{who} looks after it, since {time}").format(who=who, time=at))
    if group.silence and group.silenced_until is not None and group.firing:
        muted = esc("🔕 " + _("muted until {time}").format(time=clock(group.silenced_until, locale)))
    return acked, muted


def _buttons(group: AlertGroup, locale: Locale, *, known: bool) -> tuple[tuple[Button, ...], ...]:
    """Look at the host; leave us alone; it is mine."""
    _ = locale.gettext
    args = {"id": group.id}
    metric = group.alerts[0].metric
    look = []
    if known and metric in TOP and group.firing:
        top = {"hosts": group.host, "by": "mem" if metric == "mem" else "cpu", "under": "alert"}
        look.append(Button(_("Top"), "top.show", top, LIFETIME_S))
    if known and metric in CHARTED:
        chart = {"metric": metric, "agent": group.host, "minutes": "60", "under": "alert"}
        look.append(Button(_("Chart"), "mon.chart", chart, LIFETIME_S))
    rows = [tuple(look)]
    if group.firing:
        if group.silence:
            rows.append((Button(_("🔔 Undo mute"), "alert.unmute", args, LIFETIME_S),))
        else:
            rows.append(
                tuple(
                    Button(_(label), "alert.mute", {**args, "seconds": str(seconds)}, LIFETIME_S)
                    for seconds, label in MUTE
                )
            )
        if not group.acked_by:
            rows.append((Button(_("👤 I look after it"), "alert.ack", args, LIFETIME_S),))
    return tuple(row for row in rows if row)
