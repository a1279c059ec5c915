"""Whether alerts arrive at all: messages about the way that they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.alerts.watchdog import Part
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import bold, cut_units, esc, lines

LONGEST = 1000  # UTF-16 units of what a program said

_PARTS: Mapping[str, str] = {
    Part.PROMETHEUS: N_("Prometheus does not work:"),
    Part.ALERTMANAGER: N_("Alertmanager does not work:"),
    Part.RULES: N_("Prometheus tells Alertmanager nothing:"),
    Part.WEBHOOK: N_("What Alertmanager tells us is not taken:"),
}
_REMEDIES: Mapping[str, str] = {
    Part.PROMETHEUS: N_("The log of the orchestrator says more."),
    Part.ALERTMANAGER: N_("The log of the orchestrator says more."),
    Part.RULES: N_("Look at rule_files and alerting in prometheus.yml."),
    Part.WEBHOOK: N_("Look at the receiver in alertmanager.yml: its url, its credentials_file."),
}


def way_fault(part: str, detail: str, locale: Locale) -> str:
    """Which part of the way fails, and what is known of it; one line."""
    said = cut_units(translate(detail, locale), LONGEST)
    return f"{locale.gettext(_PARTS[part])} {said}"


def alerts_silent(payload: Mapping[str, Any], locale: Locale) -> Message:
    """No Watchdog any more."""
    _ = locale.gettext
    part = str(payload["part"])
    head = "🔇 " + _("Alerts do not arrive any more")
    silent = _("The Watchdog was last heard {time} ago.").format(time=locale.ago(float(payload["seconds"])))
    why = way_fault(part, str(payload["detail"]), locale)
    return Message(lines((bold(head), esc(silent), esc(why), esc(_(_REMEDIES[part])))), silent=False)


def alerts_heard(payload: Mapping[str, Any], locale: Locale) -> Message:
    """The Watchdog is there again."""
    _ = locale.gettext
    head = "✅ " + _("Alerts arrive again")
    told = _("They did not for {time}; what fired meanwhile and still does is told now.")
    return Message(lines((bold(head), esc(told.format(time=locale.ago(float(payload["seconds"])))))))
