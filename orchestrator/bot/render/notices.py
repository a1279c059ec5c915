"""Messages that nobody asked for and that need nothing but what their letter says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.alertway import alerts_heard, alerts_silent
from orchestrator.bot.render.markup import bold, cut_units, esc, lines

PART = 1000  # UTF-16 units of what was found in a file

Compose = Callable[[Mapping[str, Any], Locale], Message]


def _inventory_broken(payload: Mapping[str, Any], locale: Locale) -> Message:
    _ = locale.gettext
    n = int(payload["hosts"])
    stays = locale.ngettext(
        "The old one stays in force, with {n} host.", "The old one stays in force, with {n} hosts.", n
    )
    where = cut_units(str(payload["where"]) or "inventory/", 200)
    head = "⚠ " + _("The inventory is broken: {where}").format(where=where)
    what, remedy = (cut_units(translate(str(payload[part]), locale), PART) for part in ("what", "remedy"))
    return Message(lines((bold(head), esc(what), esc(remedy), esc(stays.format(n=n)))), silent=False)


def _inventory_mended(payload: Mapping[str, Any], locale: Locale) -> Message:
    _ = locale.gettext
    words = {"added": _("added"), "removed": _("removed"), "changed": _("changed")}
    rows = [f"{words[word]}: {payload[word]}" for word in words if payload.get(word)]
    body = cut_units("\n".join(rows) or _("no host changed"), PART)
    return Message(lines((bold("✅ " + _("The inventory is in order again")), esc(body))))


def _set_aside(payload: Mapping[str, Any], locale: Locale) -> Message:
    _ = locale.gettext
    head = "⛔ " + _("A message could not be delivered")
    told = _("Chat {chat}: {why}").format(chat=payload["chat"], why=cut_units(str(payload["why"]), PART))
    tail = _("It is kept for 30 days; /status counts such messages.")
    return Message(lines((bold(head), esc(told), esc(tail))), silent=False)


def _broken(head: str) -> Compose:
    """The notice of a configuration that was edited and cannot be used."""

    def notice(payload: Mapping[str, Any], locale: Locale) -> Message:
        _ = locale.gettext
        stays = _("What was in force before stays so.")
        return Message(
            lines((bold(f"⚠ {_(head)}"), esc(cut_units(str(payload["problem"]), PART)), esc(stays))), silent=False
        )

    return notice


def _mended(head: str) -> Compose:
    return lambda _, locale: Message(bold(f"✅ {locale.gettext(head)}"))


NOTICES: Mapping[str, Compose] = {
    "rules.broken": _broken(N_("The alert rules cannot be used")),
    "rules.mended": _mended(N_("The alert rules are in order again")),
    "alertmanager.broken": _broken(N_("The configuration of Alertmanager cannot be used")),
    "alertmanager.mended": _mended(N_("The configuration of Alertmanager is in order again")),
    "alerts.heard": alerts_heard,
    "alerts.silent": alerts_silent,
    "inventory.broken": _inventory_broken,
    "inventory.mended": _inventory_mended,
    "outbox.set_aside": _set_aside,
}
