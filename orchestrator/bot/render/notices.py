"""Messages that nobody asked for: what is in the outbox, as its reader should see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import Html, bold, cut_units, esc, lines
from orchestrator.store import Letter

LATE_S = 60.0
PART = 1000  # UTF-16 units of what was found in a file

Compose = Callable[[Mapping[str, Any], Locale], Message]


def notice(letter: Letter, locale: Locale, *, repeated: bool = False) -> Message:
    """The message of a letter. One that comes late says so; one that may have been shown before (`repeated`), too.

    Raises LookupError for a letter of a kind that this version does not know.
    """
    _ = locale.gettext
    message = _KINDS[letter.kind](letter.payload, locale)
    notes = []
    if (datetime.now(UTC) - letter.put_at).total_seconds() > LATE_S:
        notes.append(esc("⌛ " + _("Late: this was at {time}.").format(time=locale.clock(letter.put_at))))
    if repeated:
        notes.append(esc("↻ " + _("Sent again: whether it arrived before is not known.")))
    return replace(message, html=lines((Html(message.html), *notes)))


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


_KINDS: Mapping[str, Compose] = {
    "inventory.broken": _inventory_broken,
    "inventory.mended": _inventory_mended,
    "outbox.set_aside": _set_aside,
}
