"""Dashboards and panels of Grafana."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.render.markup import Html, bold, cut, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.monitor.grafana import Dashboard, Panel

MOST_BUTTONS = 24
LABEL = 30
RANGES: Sequence[tuple[int, str]] = ((60, N_("1 h")), (360, N_("6 h")), (1440, N_("24 h")), (10080, N_("7 d")))


@dataclass(frozen=True, slots=True)
class Asked:
    """A panel, for whom of the inventory, and how far back."""

    uid: str
    dashboard: str
    panel: int
    title: str
    agent: str = ""
    minutes: int = 60

    @classmethod
    def of(cls, args: Mapping[str, str]) -> Self:
        """From the arguments of a button."""
        given = dict(args)
        return cls(
            given["uid"],
            given["dashboard"],
            int(given["panel"]),
            given["title"],
            given.get("agent", ""),
            int(given.get("minutes", "60")),
        )

    @property
    def args(self) -> Mapping[str, str]:
        """As the arguments of a button."""
        return {name: str(value) for name, value in asdict(self).items()}

    @property
    def name(self) -> str:
        """What it is called: Grafana's words, on one line."""
        agent = f" · {cut(self.agent, 30)}" if self.agent else ""
        return f"{cut(clean_line(self.dashboard, 200), 40)} · {cut(clean_line(self.title, 200), 40)}{agent}"


def dashboards(found: Sequence[Dashboard], locale: Locale) -> Message:
    """A button for each."""
    _ = locale.gettext
    if not found:
        advice = _("Its token sees none. Those of prometheus/dashboards can be imported.")
        return Message(lines((bold("📊 " + _("Grafana has no dashboards")), esc(advice))))
    head = locale.ngettext("{n} dashboard in Grafana", "{n} dashboards in Grafana", len(found))
    buttons = [
        Button(_label(each.title), "grafana.panels", {"uid": each.uid, "title": each.title})
        for each in found[:MOST_BUTTONS]
    ]
    return Message(lines((bold("📊 " + head.format(n=len(found))), _more(found, locale))), _pairs(buttons))


def panels(dashboard: Dashboard, found: Sequence[Panel], locale: Locale) -> Message:
    """A button for each."""
    head = f"📊 {cut(clean_line(dashboard.title, 200), 60)}"
    buttons = [
        Button(_label(each.title), "grafana.new", Asked(dashboard.uid, dashboard.title, each.id, each.title).args)
        for each in found[:MOST_BUTTONS]
    ]
    what = locale.gettext("Which panel?") if found else locale.gettext("It has no panels.")
    return Message(lines((bold(head), esc(what), _more(found, locale))), _pairs(buttons))


def drawing(asked: Asked, link: str, locale: Locale) -> Message:
    """Before there is a picture."""
    return Message(lines((bold(f"📈 {asked.name}"), esc(locale.gettext("Grafana draws it …")), _link(link, locale))))


def picture(asked: Asked, link: str, png: bytes, at: datetime, locale: Locale) -> Message:
    """It, drawn; other ranges and ↻ change it in place."""
    time = esc(locale.gettext("as of {time}").format(time=locale.clock(at)))
    row = []
    for minutes, label in RANGES:
        text = f"• {locale.gettext(label)}" if minutes == asked.minutes else locale.gettext(label)
        row.append(Button(text, "grafana.show", {**asked.args, "minutes": str(minutes)}))
    again = Button("↻", "grafana.show", asked.args)
    return Message(
        lines((bold(f"📈 {asked.name}"), _link(link, locale), time)),
        (tuple(row), (again,)),
        picture=Document("panel.png", png),
    )


def _link(link: str, locale: Locale) -> Html:
    words = esc(locale.gettext("Open in Grafana"))
    return Html(f'<a href="{html.escape(link)}">{words}</a>') if link else Html("")


def _label(title: str) -> str:
    return cut(clean_line(title, 200), LABEL) or "?"


def _more(found: Sequence[object], locale: Locale) -> Html:
    left = len(found) - MOST_BUTTONS
    return esc(locale.gettext("and {n} more").format(n=left)) if left > 0 else Html("")


def _pairs(buttons: Sequence[Button]) -> tuple[tuple[Button, ...], ...]:
    return tuple(tuple(buttons[n : n + 2]) for n in range(0, len(buttons), 2))
