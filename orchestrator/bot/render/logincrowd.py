"""Many logins, or many episodes of failures, in one message with a file that has every one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Document, Message
from orchestrator.bot.render import loginepisodes, logins
from orchestrator.bot.render.markup import bold, cut_units, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.logins.episodes import ALARMS, CROWD, FAILURES, LOGINS, MOST_NAMES
from orchestrator.store import Letter
from orchestrator.store.loginepisodes import EpisodeRow
from orchestrator.store.loginsessions import SessionRow

MOST_ROWS = 8
ROW = 100  # UTF-16 units: a caption takes 1024 of them
_OF_LOGINS = (
    *("began_at", "ended_at", "claimed_at", "host", "user", "address", "method", "key"),
    *("verified", "alarm", "failures"),
)
_OF_EPISODES = ("first_at", "last_at", "host", "kind", "subject", "count", "unknown", "addresses", "names")
_FIRST = {ALARMS: 0, LOGINS: 1}


def of_logins(letters: Sequence[Letter], locale: Locale) -> Message:
    """What is critical first, then the newest."""
    rows = [SessionRow(**letter.payload) for letter in _newest(letters)]
    rows.sort(key=lambda row: (not row.alarm, -row.began_at))
    n, hosts = len(rows), len({row.host for row in rows})
    told = locale.ngettext("{n} login", "{n} logins", n).format(n=n)
    where = locale.ngettext("{n} host", "{n} hosts", hosts).format(n=hosts)
    mark = "🔴" if rows[0].alarm else "🔑"
    titles = (f"{logins.title(row, locale)} · {logins.name(row.address)}".removesuffix(" · ") for row in rows)
    return _message(f"{mark} {told} · {where}", titles, _file(map(asdict, rows), _OF_LOGINS, locale), locale)


def of_episodes(letters: Sequence[Letter], locale: Locale) -> Message:
    """What is critical first, then who came in, then those that count most."""
    rows = [of_payload(letter)[0] for letter in _newest(letters)]
    rows.sort(key=lambda row: (_FIRST.get(row.kind, len(_FIRST)), -max(row.count, row.unknown)))
    mark = "🔴" if rows[0].kind == ALARMS else "🚪"
    told = " · ".join(_sums(rows, locale))
    titles = (loginepisodes.title(row, locale) for row in rows)
    cells = ({**asdict(row), "names": loginepisodes.named(row, MOST_NAMES)} for row in rows)
    return _message(f"{mark} {told}", titles, _file(cells, _OF_EPISODES, locale), locale)


def _sums(rows: Sequence[EpisodeRow], locale: Locale) -> Iterable[str]:
    """How often what happened, and on how many hosts."""
    n = sum(row.count for row in rows if row.kind in {LOGINS, ALARMS})
    failed = sum(row.count for row in rows if row.kind in {FAILURES, CROWD})
    others = sum(row.count for row in rows if row.kind not in {LOGINS, ALARMS, FAILURES, CROWD})
    hosts = len({row.host for row in rows})
    if n:
        yield locale.ngettext("{n} login", "{n} logins", n).format(n=loginepisodes.grouped(n))
    if failed or not n + others:
        yield locale.ngettext("{n} failed login", "{n} failed logins", failed).format(n=loginepisodes.grouped(failed))
    if others:
        told = locale.ngettext("{n} other event", "{n} other events", others)
        yield told.format(n=loginepisodes.grouped(others))
    yield locale.ngettext("{n} host", "{n} hosts", hosts).format(n=hosts)


def of_payload(letter: Letter) -> tuple[EpisodeRow, loginepisodes.Worst]:
    """The episode of a letter, and the worst addresses of a crowd."""
    values = dict(letter.payload)
    worst = [(str(address), int(n)) for address, n in values.pop("worst", ())]
    return EpisodeRow(**values), worst


def _newest(letters: Sequence[Letter]) -> Iterable[Letter]:
    """Of a thread that has several, the last counts."""
    return {letter.thread: letter for letter in sorted(letters, key=lambda letter: letter.id)}.values()


def _message(head: str, titles: Iterable[str], file: str, locale: Locale) -> Message:
    rows = [esc(cut_units(title, ROW)) for title in titles]
    more = len(rows) - MOST_ROWS
    told = [esc(locale.gettext("and {n} more").format(n=more))] if more > 0 else []
    tail = esc(locale.gettext("Each of them is in the file."))
    return Message(
        lines((bold(head), *rows[:MOST_ROWS], *told, tail)),
        document=Document("logins.txt", file.encode()),
        silent=False,
    )


def _file(rows: Iterable[dict[str, Any]], columns: Sequence[str], locale: Locale) -> str:
    """A line for each, under a heading."""
    table = ["\t".join(columns)]
    for row in rows:
        cells = (_time(row[column], locale) if column.endswith("_at") else str(row[column]) for column in columns)
        table.append("\t".join(map(clean_line, cells)))
    return "\n".join(table) + "\n"


def _time(at: float | None, locale: Locale) -> str:
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).astimezone(locale.zone).isoformat(timespec="seconds")
