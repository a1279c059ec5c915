"""What a day of logins was like: a few lines of the daily summary."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bot.language import Locale
from orchestrator.bot.render.markup import Html, cut, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.inventory import fold
from orchestrator.store.loginfigures import Digest

WORST = 3  # sources
USERS = 4
NEW = 3
LINE = 100  # columns: a caption has little room


def of_logins(digest: Digest, unfollowed: Sequence[str], locale: Locale) -> Html:
    """Who came in, who was new, who tried, and of which hosts nobody knows; a line each, none where nothing was."""
    told = (_users(digest, locale), _newcomers(digest, locale), _failures(digest, locale), _blind(unfollowed, locale))
    return lines(esc(cut(line, LINE)) for line in told if line)


def _users(digest: Digest, locale: Locale) -> str:
    n = digest.logins
    ours = " · " + locale.gettext("{n} of ours").format(n=digest.ours) if digest.ours else ""
    if not n:
        return "🔑 " + locale.gettext("no logins in the last 24 h") + ours
    head = locale.ngettext("{n} login in the last 24 h", "{n} logins in the last 24 h", n).format(n=n)
    users = [f"{_name(user)}({count})" for user, count in digest.users[:USERS]]
    return f"🔑 {head} · {' '.join(users)}{_rest(len(digest.users) - USERS)}{ours}"


def _newcomers(digest: Digest, locale: Locale) -> str:
    if not digest.newcomers:
        return ""
    who = ", ".join(f"{_name(each.user)} {clean_line(each.address, 45)}" for each in digest.newcomers[:NEW])
    told = locale.gettext("first time: {who}").format(who=who)
    return f"✨ {told}{_rest(len(digest.newcomers) - NEW)}"


def _failures(digest: Digest, locale: Locale) -> str:
    n = digest.failures
    if not n:
        return ""
    head = locale.ngettext("{n} failed login", "{n} failed logins", n).format(n=n)
    worst = [f"{clean_line(each.address, 45) or '–'}({each.failures})" for each in digest.sources]
    return f"🚪 {head} · {' '.join(worst)}{_rest(digest.addresses - len(worst))}"


def _blind(hosts: Sequence[str], locale: Locale) -> str:
    told = locale.gettext("Logins not followed on {hosts}").format(hosts=fold(hosts))
    return f"⚠ {told}" if hosts else ""


def _name(user: str) -> str:
    return cut(clean_line(user, 60), 16) or "–"


def _rest(n: int) -> str:
    return f" +{n}" if n > 0 else ""
