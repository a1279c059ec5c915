"""A login as one message, from when somebody came in to when he left."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.markup import bold, cut, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.logins.judging import FAILED_ALARM, KEY_ALARM
from orchestrator.logins.sessions import CLOSED, LEFT
from orchestrator.store.loginsessions import SessionRow

NAME = 40  # columns of a name that somebody chose
KEY = 19  # of a fingerprint: SHA256: and what tells it from ours
LIFETIME_S = 30 * 86400.0  # of a button
LONG_S = 3600.0
BLOCK = (("3600s", N_("⛔ Block 1 h")), ("86400s", N_("24 h")), ("permanent", N_("For good")))

FIRST: Mapping[str, str] = {
    "network": N_("new network"),
    "address": N_("new address"),
    "user": N_("new for this user"),
}


def login(row: SessionRow, locale: Locale, *, known: bool, quiet: bool = False) -> Message:
    """A session as it is. `known`: its host is in the inventory, so that it can be looked at. `quiet`: only what is
    critical makes a sound now.
    """
    parts = (bold(title(row, locale)), esc(_origin(row, locale)), esc(_how(row, locale)), esc(_end(row, locale)))
    return Message(lines(parts), _buttons(row, locale) if known else (), silent=quiet and not row.alarm)


def title(row: SessionRow, locale: Locale) -> str:
    """The whole story in a line: ``🔑 root logged in to db1``."""
    _ = locale.gettext
    names = {"user": name(row.user) or _("somebody"), "host": name(row.host)}
    if row.alarm == KEY_ALARM:
        return "🔴 " + _("Our key was used from elsewhere: {user} on {host}").format(**names)
    if row.alarm == FAILED_ALARM:
        n = row.failures
        told = locale.ngettext(
            "{user} logged in to {host} after {n} failure", "{user} logged in to {host} after {n} failures", n
        )
        return "🔴 " + told.format(n=n, **names)
    return "🔑 " + _("{user} logged in to {host}").format(**names)


def name(text: str) -> str:
    """What a host or a stranger calls something, on one line."""
    return cut(clean_line(text, NAME), NAME)


def clock(at: float, locale: Locale) -> str:
    """A time of day with its zone, and with the date when that is not today."""
    return locale.clock(datetime.fromtimestamp(at, UTC))


def blocking(host: str, address: str, locale: Locale, *, times: bool) -> tuple[Button, ...]:
    """Buttons that block an address on a host: for how long, or one that asks for that too. None for a name."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return ()
    args = {"hosts": host, "address": address}
    if not times:
        return (Button(locale.gettext("⛔ Block address"), "block.ask", args, LIFETIME_S),)
    return tuple(
        Button(locale.gettext(label), "block.ask", {**args, "time": time}, LIFETIME_S) for time, label in BLOCK
    )


def who_is_on(host: str, locale: Locale) -> Button:
    """The sessions of a host, now."""
    return Button(locale.gettext("Who is on"), "who.show", {"hosts": host, "under": "login"}, LIFETIME_S)


def last_logins(host: str, user: str, address: str, locale: Locale) -> Button:
    """What else is known of them."""
    args = {"host": host, "user": user, "address": address, "under": "login"}
    return Button(locale.gettext("Last logins"), "logins.show", args, LIFETIME_S)


def _origin(row: SessionRow, locale: Locale) -> str:
    """``from 203.0.113.9 (laptop.example) · new address``, ``... · 2 failures before``."""
    _ = locale.gettext
    origin = _("from {address}").format(address=name(row.address)) if row.address else ""
    if row.reverse:
        origin += f" ({name(row.reverse)})"
    tried = ""
    if row.failures and row.alarm != FAILED_ALARM:  # which says so itself
        tried = locale.ngettext("{n} failure before", "{n} failures before", row.failures).format(n=row.failures)
    return " · ".join(filter(None, (origin, _(FIRST.get(row.first, "")), tried)))


def _how(row: SessionRow, locale: Locale) -> str:
    """``publickey SHA256:Nf3abcdefghi “laptop” · 14:20:07 +08``."""
    key = row.key.rpartition(" ")[2]
    if row.comment:
        key = f"{cut(key, KEY)} “{name(row.comment)}”"
    how = " ".join(filter(None, (name(row.method), key if row.comment else cut(key, KEY))))
    return " · ".join(filter(None, (how, clock(row.began_at, locale), doubt(row, locale))))


def doubt(row: SessionRow, locale: Locale) -> str:
    """That it may be made up, of a login that nobody vouches for."""
    return "" if row.verified else locale.gettext("not verified ({source})").format(source=name(row.source))


def _end(row: SessionRow, locale: Locale) -> str:
    _ = locale.gettext
    if row.ended_at is not None and row.ending == CLOSED:
        return "⏹ " + _("session ended after {time}").format(time=lasted(row.ended_at - row.began_at, locale))
    if row.claimed_at is not None:
        told = _("session ended after {time}, says an unverified line")
        return "⏹ " + told.format(time=lasted(row.claimed_at - row.began_at, locale))
    if row.ended_at is not None and row.ending == LEFT:
        return "⏹ " + _("not known since {time}: the host left the inventory").format(time=clock(row.ended_at, locale))
    return "" if row.ended_at is None else "⏹ " + _("ended, nobody saw when")


def lasted(seconds: float, locale: Locale) -> str:
    """How long a session was: ``0.4 s``, ``12 min 5 s``, ``17 h``."""
    return locale.took(seconds) if seconds < LONG_S else locale.ago(seconds)


def _buttons(row: SessionRow, locale: Locale) -> tuple[tuple[Button, ...], ...]:
    """Look; act on the session; act on where it came from."""
    _ = locale.gettext
    act: tuple[Button, ...] = ()
    if row.ended_at is None and row.pid is not None:
        args = {"host": row.host, "leader": str(row.pid), "session": row.logind or str(row.pid), "user": row.user}
        act = (Button(_("✖ End session"), "kick.ask", args, LIFETIME_S),)
    look = (who_is_on(row.host, locale), last_logins(row.host, row.user, row.address, locale))
    block = blocking(row.host, row.address, locale, times=bool(row.alarm))
    rows = (look, act, block) if row.alarm else (look, (*act, *block))
    return tuple(each for each in rows if each)
