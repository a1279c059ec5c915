"""Who came in and who tried, as a list at phone width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.logins import doubt
from orchestrator.bot.render.markup import COLUMNS, bold, cut, cut_units, esc, lines, pre, width
from orchestrator.fleet import clean_line
from orchestrator.inventory import fold
from orchestrator.logins.sessions import CLOSED
from orchestrator.store.loginepisodes import EpisodeRow
from orchestrator.store.loginsessions import SessionRow

PAGE = 8
MOST_UNFOLLOWED = 3
REASON = 300  # UTF-16 units
NAMES = 3

Entry = SessionRow | EpisodeRow


@dataclass(frozen=True, slots=True)
class View:
    """What of the list is shown: on the hosts that `agent` means, of a user, from an address, `failed` ones alone.

    With `either`, what `user` did on those hosts and what came from the address to any host. Empty is any.
    """

    agent: str = ""
    user: str = ""
    address: str = ""
    failed: bool = False
    either: bool = False
    page: int = 0

    def args(self) -> Mapping[str, str]:
        """For a button that shows it."""
        return {
            "agent": self.agent,
            "user": self.user,
            "address": self.address,
            "failed": "1" if self.failed else "",
            "either": "1" if self.either else "",
            "page": str(self.page),
        }

    @classmethod
    def of(cls, args: Mapping[str, str]) -> View:
        """What `args` gave."""
        given = {name: args.get(name, "") for name in ("agent", "user", "address")}
        page = int(args.get("page") or 0)
        return cls(**given, failed=bool(args.get("failed")), either=bool(args.get("either")), page=page)


def at_of(entry: Entry) -> float:
    """What it is sorted by, seconds since the epoch: when it was news last."""
    return entry.began_at if isinstance(entry, SessionRow) else entry.last_at


def logins(
    entries: Sequence[Entry], view: View, blind: Mapping[str, str], now: datetime, locale: Locale, *, more: bool
) -> Message:
    """A page of `entries`, the newest first; `more`: there is another one. Of `blind` hosts nothing is known: why."""
    rows = [row for entry in entries for row in _rows(entry, now, locale)]
    _ = locale.gettext
    none = _("Nothing is known of logins yet.") if view == View() else _("Nothing like that is known.")
    nothing = "" if rows else none
    time = _("as of {time}").format(time=locale.clock(now))
    head = bold(_head(entries, view, locale))
    warnings = (esc(f"⚠ {each}") for each in unfollowed(blind, locale))
    parts = (head, *warnings, pre("\n".join(rows)), esc(nothing), esc(time))
    return Message(lines(parts), _buttons(view, locale, more=more))


def origin(entry: SessionRow, locale: Locale) -> str:
    """Where a login came from: an address, or the console."""
    return clean_line(entry.address, 60) or locale.gettext("this host's own screen")


def _head(entries: Sequence[Entry], view: View, locale: Locale) -> str:
    _ = locale.gettext
    what = _("Failed logins") if view.failed else _("Logins")
    asked = " · ".join(cut(clean_line(word, 60), 24) for word in (view.agent, view.user, view.address) if word)
    newest = next((entry for entry in entries if isinstance(entry, SessionRow)), None)
    last = ""
    if newest and not view.page:
        ago = locale.ago(max(0.0, datetime.now(UTC).timestamp() - newest.began_at))
        last = _("last: {user}, {time} ago").format(user=cut(clean_line(newest.user, 60), 12), time=ago)
    mark = "🚪" if view.failed else "🔑"
    return f"{mark} {' · '.join(filter(None, (what, asked, last)))}"


def unfollowed(hosts: Mapping[str, str], locale: Locale) -> list[str]:
    """Hosts whose log cannot be read, and what mends it; those with the same trouble are one line."""
    return _folded(hosts, locale.gettext("Logins not followed on {hosts}: {why}"), locale)


def unwatched(hosts: Mapping[str, str], locale: Locale) -> list[str]:
    """Hosts on which a new key that opens an account would not be noticed, and what mends it."""
    return _folded(hosts, locale.gettext("New keys not noticed on {hosts}: {why}"), locale)


def _folded(hosts: Mapping[str, str], text: str, locale: Locale) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for host, why in hosts.items():
        by_reason.setdefault(why, []).append(host)
    told = [text.format(hosts=fold(names), why=translate(why, locale)) for why, names in by_reason.items()]
    shown = [cut_units(each, REASON) for each in told[:MOST_UNFOLLOWED]]
    if (left := len(told) - MOST_UNFOLLOWED) > 0:
        shown.append(locale.gettext("and {n} more").format(n=left))
    return shown


def _rows(entry: Entry, now: datetime, locale: Locale) -> list[str]:
    return _login(entry, now, locale) if isinstance(entry, SessionRow) else _attack(entry, now, locale)


def _login(row: SessionRow, now: datetime, locale: Locale) -> list[str]:
    """``🔑 14:20 ann · web1``, then from where, how, and for how long."""
    _ = locale.gettext
    mark = "🔴" if row.alarm else "🔑"
    first = _("first time") if row.first else ""
    head = f"{mark} {_when(row.began_at, now, locale)} {clean_line(row.user, 60)} · {clean_line(row.host, 60)}"
    words = (origin(row, locale), first, clean_line(row.method, 40), _lasted(row, locale), doubt(row, locale))
    return [cut(head, COLUMNS), *_under(words)]


def _lasted(row: SessionRow, locale: Locale) -> str:
    _ = locale.gettext
    if row.ended_at is not None and row.ending == CLOSED:
        return locale.ago(row.ended_at - row.began_at)
    if row.claimed_at is not None:
        lasted = locale.ago(row.claimed_at - row.began_at)
        return _("{time}, unverified").format(time=lasted) if row.verified else lasted
    return _("still on") if row.ended_at is None else _("end unknown")


def _attack(row: EpisodeRow, now: datetime, locale: Locale) -> list[str]:
    """``🚪 14:02–14:19 web1 · 143×``, then from where and the names that were tried."""
    first, last = _when(row.first_at, now, locale), _when(row.last_at, now, locale)
    if last.startswith(first.rpartition(" ")[0]):
        last = last.rpartition(" ")[2]
    span = first if row.last_at - row.first_at < 60 else f"{first}–{last}"
    head = f"🚪 {span} {clean_line(row.host, 60)} · {max(row.count, row.unknown)}×"
    source = clean_line(row.subject, 60)
    if row.kind == "crowd":
        n = row.addresses
        source = locale.ngettext("{n} address", "{n} addresses", n).format(n=n)
    tried = sorted(row.names.items(), key=lambda each: (-each[1], each[0]))
    names = " ".join(_tried(name, count) for name, count in tried[:NAMES])
    if rest := sum(count for _, count in tried[NAMES:]) + row.others:
        names += f" +{rest}"
    return [cut(head, COLUMNS), *_under((source or "–", cut(names, COLUMNS - 3)))]


def _tried(name: str, count: int) -> str:
    """``root(90)``; of a name that does not exist, and for which no password was tried, the name alone."""
    shown = cut(clean_line(name, 60), 16) or "–"
    return f"{shown}({count})" if count else shown


def _under(words: Sequence[str]) -> list[str]:
    """Words side by side while they fit; addresses are never cut."""
    rows: list[str] = []
    for word in filter(None, words):
        longer = f"{rows[-1]} · {word}" if rows else ""
        if longer and width(longer) <= COLUMNS:
            rows[-1] = longer
        else:
            rows.append(f"   {word}")
    return rows


def _when(at: float, now: datetime, locale: Locale) -> str:
    """By the reader's clock, ``14:20``; of another day ``11-21 14:20``."""
    local = datetime.fromtimestamp(at, UTC).astimezone(locale.zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(locale.zone).date() else f"{local:%m-%d %H:%M}"


def _buttons(view: View, locale: Locale, *, more: bool) -> tuple[tuple[Button, ...], ...]:
    _ = locale.gettext
    steps = [Button("↻", "logins.list", view.args())]
    if view.page:
        steps.append(Button(f"◂ {view.page}", "logins.list", replace(view, page=view.page - 1).args()))
    if more:
        steps.append(Button(f"{view.page + 2} ▸", "logins.list", replace(view, page=view.page + 1).args()))
    other = replace(view, failed=not view.failed, page=0)
    steps.append(Button(_("All") if view.failed else _("Failed only"), "logins.list", other.args()))
    pictures = tuple(
        Button(label, "logins.picture", {"agent": view.agent, "kind": kind})
        for label, kind in ((_("Chart"), "chart"), (_("Heat map"), "week"))
    )
    return tuple(steps), (*pictures, Button(_("What is told"), "logins.rules"))
