"""Which host? Asked with buttons when a command came without one."""

from __future__ import annotations

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.markup import Html, bold, code, esc, lines
from orchestrator.inventory import Host, HostSet

MOST = 30
ROW = 3


def pick_host(hosts: HostSet, verb: str, usage: str, locale: Locale) -> Message:
    """A button for each of the first hosts, and how to type it for the others. `usage` is the whole command line."""
    _ = locale.gettext
    first = list(hosts)[:MOST]
    rows = tuple(tuple(_button(host, verb) for host in first[at : at + ROW]) for at in range(0, len(first), ROW))
    more = esc(_("These are the first {n} of {all}.").format(n=MOST, all=len(hosts))) if len(hosts) > MOST else Html("")
    return Message(lines((bold("❔ " + _("Which host?")), code(usage), more)), rows)


def _button(host: Host, verb: str) -> Button:
    return Button(host.name, verb, {"host": host.name})
