"""What was changed in the inventory, and the question before a host leaves it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bot.hostchange import described
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, cut_units, esc, lines, pre, table
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.inventory import Host

FIELDS = {
    "address": N_("address"),
    "port": N_("port"),
    "user": N_("user"),
    "groups": N_("groups"),
    "jump": N_("jump host"),
}
DIFF_LIMIT = 2000  # UTF-16 units


def host_card(host: Host, locale: Locale) -> Html:
    """What the inventory says of a host, field by field."""
    values = described(host)
    rows = [(locale.gettext(FIELDS[field]), cut(values[field] or "–", COLUMNS)) for field in FIELDS]
    return pre("\n".join(table(rows, gap="  ")))


def added(host: Host, warnings: Sequence[str], locale: Locale, *, trusted: bool) -> Message:
    """A new host, and what comes next: its key, and bootstrap."""
    _ = locale.gettext
    note = Html("") if trusted else esc("🔑 " + _("Its host key is not known yet, so nothing is sent to it."))
    args = {"host": host.name}
    trust = () if trusted or host.local else (Button(_("Trust key"), "trust.ask", args),)
    buttons = (*trust, Button(_("Bootstrap"), "bootstrap.ask", args))
    doubts = (esc(cut_units(f"⚠ {warning}", 300)) for warning in warnings[:3])
    head = bold("✔ " + _("{host} is in the inventory").format(host=host.name))
    return Message(lines((head, host_card(host, locale), note, *doubts)), (buttons,))


def changed(name: str, diff: Sequence[str], locale: Locale) -> Message:
    """What an edit of a host or a group came to."""
    _ = locale.gettext
    told = [line for line in diff if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))]
    head = _("{host} was changed").format(host=name) if told else _("{host} is so already").format(host=name)
    return Message(lines((bold("✔ " + head), pre(cut_units("\n".join(told), DIFF_LIMIT)))))


def removal(host: Host, lost: Sequence[str], locale: Locale) -> Message:
    """Shall this host go? `lost` says what goes with it."""
    _ = locale.gettext
    args = {"host": host.name}
    buttons = tuple(
        Button(label, verb, args, CONFIRM_WITHIN_S, personal=True, once=True)
        for label, verb in ((_("Remove it"), "host.remove"), (_("Keep"), "host.keep"))
    )
    head = bold("➖ " + _("Remove {host} from the inventory?").format(host=host.name))
    tail = esc(_("Nothing is changed on the host itself."))
    return Message(lines((head, *(esc(f"· {each}") for each in lost), tail)), (buttons,))


def removed(name: str, pins: int, locale: Locale) -> Message:
    """It has gone."""
    _ = locale.gettext
    keys = locale.ngettext("{n} pinned key was forgotten.", "{n} pinned keys were forgotten.", pins).format(n=pins)
    return Message(
        lines(
            (
                bold("✔ " + _("{host} was removed from the inventory").format(host=name)),
                esc(keys) if pins else Html(""),
            )
        )
    )


def kept(name: str, locale: Locale) -> Message:
    """The question was answered with no."""
    return Message(esc("⏹ " + locale.gettext("{host} stays in the inventory").format(host=name)))
