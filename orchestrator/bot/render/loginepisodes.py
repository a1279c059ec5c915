"""What counts up in one message: failed logins of an address or of a crowd, who became another, logins too many to be
told one by one, and times of which nobody can say who came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.logins import blocking, clock, last_logins, name, who_is_on
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, cut_units, esc, lines, pre, table
from orchestrator.fleet import clean_line
from orchestrator.logins.episodes import ALARMS, CROWD, FAILURES, GAPS, LOGINS, REFUSED
from orchestrator.logins.rules import Choice
from orchestrator.store.loginepisodes import EpisodeRow

NAMES = 4  # that are shown; the others are counted
KEYS = 5
DETAIL = 120  # UTF-16 units of a command

Worst = Sequence[tuple[str, int]]


def episode(row: EpisodeRow, worst: Worst, locale: Locale, *, known: bool, quiet: bool = False) -> Message:
    """An episode as it is; `worst` are the addresses of a crowd that came or tried most. See `logins.login`."""
    if row.kind in {FAILURES, CROWD}:
        return _failures(row, worst, locale, known=known, quiet=quiet)
    if row.kind in {LOGINS, ALARMS}:
        return _logins(row, worst, locale, known=known, quiet=quiet)
    if row.kind == GAPS:
        return _gaps(row, locale, quiet=quiet)
    if row.kind == Choice.KEYS:
        shown = [_key(label, locale) for label in list(row.names)[-KEYS:]]
        more = len(row.names) - len(shown) + row.others
        told = [esc(locale.gettext("and {n} more").format(n=more))] if more > 0 else []
        buttons = ((last_logins(row.host, row.subject, "", locale),),) if known else ()
        return Message(lines((bold(_became(row, locale)), *shown, *told, esc(_span(row, locale)))), buttons)
    detail = cut_units(clean_line(row.detail), DETAIL)
    targets = "" if not any(row.names) else "→ " + named(row)
    parts = (bold(_became(row, locale)), esc(targets), esc(detail), esc(_span(row, locale)))
    buttons = ((last_logins(row.host, row.subject, "", locale),),) if known else ()
    return Message(lines(parts), buttons)


def title(row: EpisodeRow, locale: Locale) -> str:
    """``🚪 web1: 143 failed logins from 198.51.100.7``."""
    _ = locale.gettext
    host = name(row.host)
    match row.kind:
        case "failures" | "crowd":
            return f"🚪 {host}: {_tries(row, locale)}"
        case "logins":
            told = locale.ngettext("{n} more login", "{n} more logins", row.count)
            return f"🔑 {host}: {told.format(n=grouped(row.count))}"
        case "alarms":
            told = locale.ngettext("{n} more alarming login", "{n} more alarming logins", row.count)
            return f"🔴 {host}: {told.format(n=grouped(row.count))}"
        case "gaps":
            times = f" · {row.count}×" if row.count > 1 else ""
            return "❔ " + _("{host}: who came in is not known").format(host=host) + times
    return _became(row, locale)


def _tries(row: EpisodeRow, locale: Locale) -> str:
    """``143 failed logins from 198.51.100.7``."""
    _ = locale.gettext
    n = row.count or row.unknown
    if row.count:
        told = locale.ngettext("{n} failed login", "{n} failed logins", n)
    else:
        told = locale.ngettext("{n} try as an unknown user", "{n} tries as unknown users", n)
    if row.kind == CROWD:
        m = row.addresses
        place = locale.ngettext("from {n} more address", "from {n} more addresses", m).format(n=grouped(m))
    elif row.subject:
        place = _("from {address}").format(address=name(row.subject))
    else:
        place = _("without an address")
    return f"{told.format(n=grouped(n))} {place}"


def _became(row: EpisodeRow, locale: Locale) -> str:
    """``⬆ ann used sudo on web1 · 3×``, ``✖ bob was refused sudo on web1``."""
    _ = locale.gettext
    who = name(row.subject) or _("somebody")
    words = {
        "sudo": _("{user} used sudo on {host}"),
        "su": _("{user} used su on {host}"),
        "sudo-refused": _("{user} was refused sudo on {host}"),
        "su-refused": _("{user} was refused su on {host}"),
        "keys": _("New key for {user} on {host}"),
    }
    head = words.get(row.kind, _("Accounts changed on {host}: {user}")).format(user=who, host=name(row.host))
    mark = "🗝" if row.kind == Choice.KEYS else "✖" if row.kind in REFUSED.values() else "⬆"
    return f"{mark} {head}" + (f" · {row.count}×" if row.count > 1 else "")


def _key(label: str, locale: Locale) -> Html:
    """``ssh-ed25519 SHA256:Nf3abc… “laptop”``, as `AccountKey.label` has it."""
    _ = locale.gettext
    flags, kind, fingerprint, comment = label.split("\t")
    if not fingerprint:
        return esc(_("authorized_keys is too large: its end is not looked at"))
    marks = {"authority": _("an authority: opens it for all whom it signs for"), "ours": _("we come in with it, too")}
    words = [f"{cut(clean_line(kind), 30)} {clean_line(fingerprint)}"]
    words += [f"“{cut(clean_line(comment), 40)}”"] if comment else []
    return esc(" · ".join([" ".join(words), *(marks[flag] for flag in flags.split(",") if flag)]))


def grouped(n: int) -> str:
    """``12,345``."""
    return f"{n:,}"


def _failures(row: EpisodeRow, worst: Worst, locale: Locale, *, known: bool, quiet: bool) -> Message:
    _ = locale.gettext
    users = _("users {names}").format(names=named(row)) if any(row.names) else ""
    unknown = ""
    if row.count and row.unknown:
        unknown = locale.ngettext(
            "{n} connection named an unknown user", "{n} connections named an unknown user", row.unknown
        ).format(n=grouped(row.unknown))
    parts = (bold(title(row, locale)), esc(_span(row, locale)), esc(users), esc(unknown), _addresses(worst))
    buttons: tuple[tuple[Button, ...], ...] = ()
    if known:
        look = last_logins(row.host, "", row.subject, locale)
        buttons = tuple(each for each in (blocking(row.host, row.subject, locale, times=True), (look,)) if each)
    return Message(lines(parts), buttons, silent=quiet)


def _logins(row: EpisodeRow, worst: Worst, locale: Locale, *, known: bool, quiet: bool) -> Message:
    """Those beyond what is told one by one; what is alarming is heard at night."""
    _ = locale.gettext
    is_alarm = row.kind == ALARMS
    why = _("after failures from there, or by a key of ours") if is_alarm else ""
    users = _("users {names}").format(names=named(row)) if any(row.names) else ""
    n, m = row.addresses, row.unknown
    origins = [locale.ngettext("from {n} address", "from {n} addresses", n).format(n=grouped(n))]
    origins += [locale.ngettext("{n} not seen before", "{n} not seen before", m).format(n=grouped(m))] if m else []
    tail = _("Too many to be told one by one: /logins has each.")
    texts = (_span(row, locale), why, users, " · ".join(origins))
    parts = (bold(title(row, locale)), *map(esc, texts), _addresses(worst), esc(tail))
    look = (who_is_on(row.host, locale), last_logins(row.host, "", "", locale))
    return Message(lines(parts), (look,) if known else (), silent=quiet and not is_alarm)


def _gaps(row: EpisodeRow, locale: Locale, *, quiet: bool) -> Message:
    """Parts of a log were gone before they were read."""
    _ = locale.gettext
    since, until = clock(row.first_at, locale), clock(row.last_at, locale)
    told = _("Between {since} and {until} we do not know: that part of its log ({source}) is gone.")
    if row.count > 1:
        told = _("{n} times between {since} and {until} we do not know: those parts of its log ({source}) are gone.")
    source = ", ".join(map(name, row.names))
    text = told.format(n=grouped(row.count), since=since, until=until, source=source)
    return Message(lines((bold(title(row, locale)), esc(text))), silent=quiet)


def _addresses(worst: Worst) -> Html:
    """A line for each, with how often."""
    cells = [(cut(name(address), COLUMNS - 8), grouped(n)) for address, n in worst]
    return pre("\n".join(table(cells, right=frozenset({1}))))


def named(row: EpisodeRow, most: int = NAMES) -> str:
    """``root(90) admin(31) +22``: the most tried, and how many names more."""
    ranked = sorted((each for each in row.names.items() if each[0]), key=lambda each: (-each[1], each[0]))
    told = [f"{cut(name(each), 20)}({n})" if n else cut(name(each), 20) for each, n in ranked[:most]]
    more = len(ranked) - most
    told += [f"+{more}"] if more > 0 else []
    return " ".join(told) + ("…" if row.others else "")


def _span(row: EpisodeRow, locale: Locale) -> str:
    """``14:02:11–14:19:40 +08``, or one time."""
    first, last = (datetime.fromtimestamp(at, UTC).astimezone(locale.zone) for at in (row.first_at, row.last_at))
    if row.last_at - row.first_at < 1:
        return clock(row.last_at, locale)
    if first.date() == last.date():
        return f"{first:%H:%M:%S}–{clock(row.last_at, locale)}"
    return f"{clock(row.first_at, locale)} – {clock(row.last_at, locale)}"
