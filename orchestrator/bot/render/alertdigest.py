"""Many incidents in one message: counted and folded, with a file that has every one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from orchestrator.alerts.model import SEVERITIES, AlertGroup
from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.render import alerts
from orchestrator.bot.render.alertwords import measured, place
from orchestrator.bot.render.markup import bold, cut_units, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.inventory import fold
from orchestrator.store import Letter

MOST_ROWS = 8
ROW = 90  # UTF-16 units: a caption takes 1024 of them
MOST_FOLDED = 400  # hosts of a row that are spelled at all


def digest(letters: Sequence[Letter], locale: Locale) -> Message:
    """One message of many letters; of a thread that has several, the last counts."""
    newest = {letter.thread: letter for letter in sorted(letters, key=lambda letter: letter.id)}
    groups = sorted((AlertGroup.from_json(letter.payload) for letter in newest.values()), key=_rank)
    firing = [group for group in groups if group.firing]
    ended = [group for group in groups if not group.firing]
    rows = [esc(row) for row in _rows(firing, ended)]
    more = len(rows) - MOST_ROWS
    told = [esc(locale.gettext("and {n} more").format(n=more))] if more > 0 else []
    tail = esc(locale.gettext("Each of them is in the file."))
    return Message(
        lines((bold(_title(firing, ended, locale)), *rows[:MOST_ROWS], *told, tail)),
        ((Button(locale.gettext("What fires now"), "alerts.show", {"under": "digest"}, alerts.LIFETIME_S),),),
        document=Document("alerts.txt", _file(groups, locale).encode()),
        silent=not any(group.severity != "info" for group in firing),
    )


def _title(firing: Sequence[AlertGroup], ended: Sequence[AlertGroup], locale: Locale) -> str:
    if not firing:
        told = locale.ngettext("{n} alert has ended", "{n} alerts have ended", len(ended)).format(n=len(ended))
        return f"{alerts.ENDED} {told}"
    hosts = len({group.host for group in firing})
    told = locale.ngettext("{n} alert", "{n} alerts", len(firing)).format(n=len(firing))
    where = locale.ngettext("{n} host", "{n} hosts", hosts).format(n=hosts)
    over = locale.gettext("{n} over already").format(n=len(ended)) if ended else ""
    return " · ".join(filter(None, (f"{alerts.mark(firing[0])} {told}", where, over)))


def _rows(firing: Sequence[AlertGroup], ended: Sequence[AlertGroup]) -> Iterable[str]:
    """A line for each name and mark, the worst first: how many, on which hosts."""
    for groups in (firing, ended):
        kinds: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for group in groups:
            kinds[alerts.mark(group), alerts.name(group)].append(clean_line(group.host, alerts.NAME))
        for (mark, name), hosts in kinds.items():
            unique = list(dict.fromkeys(host for host in hosts if host))
            where = folded(unique)
            yield cut_units(" · ".join(filter(None, (f"{mark} {len(hosts)} × {name}", where))), ROW)


def folded(hosts: Sequence[str]) -> str:
    """Names in short; of very many, the first."""
    return fold(hosts[:MOST_FOLDED]) + (" …" if len(hosts) > MOST_FOLDED else "")


def _file(groups: Iterable[AlertGroup], locale: Locale) -> str:
    """A line for each alert: state, severity, name, host, place, value, times, what it says."""
    rows = []
    for group in groups:
        for each in group.alerts:
            state = "firing" if each.firing else "ended"
            since, until = _time(each.starts_at, locale), "" if each.ends_at is None else _time(each.ends_at, locale)
            cells = (state, each.severity, each.name, each.host, place(each), measured(each, locale), since, until)
            rows.append("\t".join(clean_line(cell) for cell in (*cells, each.summary)))
    return "\n".join(rows) + "\n"


def _time(at: float, locale: Locale) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(locale.zone).isoformat(timespec="seconds")


def _rank(group: AlertGroup) -> tuple[bool, int, str, float]:
    return not group.firing, SEVERITIES.index(group.severity), group.name, group.since
