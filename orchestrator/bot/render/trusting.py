"""A host key, to be compared and trusted."""

from __future__ import annotations

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.markup import bold, code, esc, lines
from orchestrator.inventory import Host
from orchestrator.ssh.trust import HostKey, known_name

COMPARE_WITHIN_S = 600.0  # somebody has to get to the host's console
COMPARE = "ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"


def question(host: Host, key: HostKey, locale: Locale) -> Message:
    """Is it this one?"""
    _ = locale.gettext
    place = known_name(host)
    shown = {"algorithm": key.algorithm, "fingerprint": key.fingerprint, "line": key.line}
    args = {"host": host.name, "place": place, **shown}
    buttons = tuple(
        Button(label, verb, args, COMPARE_WITHIN_S, personal=True, once=True)
        for label, verb in ((_("It is the same: trust it"), "trust.pin"), (_("No"), "trust.refuse"))
    )
    kind = key.algorithm.removeprefix("ssh-").partition("-")[0]
    text = (
        bold("🔑 " + _("{host} shows this host key").format(host=host.name)),
        esc(f"{place} · {key.algorithm}"),
        code(key.fingerprint),
        esc(_("Compare it on the host's own console:")),
        code(COMPARE.format(kind=kind)),
    )
    return Message(lines(text), (buttons,))


def trusted(host: Host, key: HostKey, locale: Locale) -> Message:
    """It is pinned."""
    _ = locale.gettext
    head = bold("✔ " + _("{host}: its key is trusted").format(host=host.name))
    buttons = (Button(_("Bootstrap"), "bootstrap.ask", {"host": host.name}), Button(_("Agents"), "agents.show"))
    return Message(lines((head, code(key.fingerprint))), (buttons,))


def refused(name: str, locale: Locale) -> Message:
    """It is not."""
    _ = locale.gettext
    return Message(esc("⛔ " + _("{host}: nothing was trusted, nothing is sent to it").format(host=name)))
