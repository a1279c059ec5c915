"""What belongs together and counts up: who fails to log in from an address, who becomes another. Inside a transaction.

An episode ends with a pause of 30 minutes. On a host that many addresses try at once, those beyond the first few share
one episode, the crowd; each has a row all the same, so that its count is known. So have the addresses of logins that
are too many to be told one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.logins.event import Kind
from orchestrator.logins.rules import Choice
from orchestrator.store.database import Transaction
from orchestrator.store.loginepisodes import EpisodeRow, LoginEpisodeTable
from orchestrator.store.logins import LostTime, StoredEvent
from orchestrator.store.loginsessions import SessionRow

PAUSE_S = 1800.0
ALONE = 8
"""Addresses with failures that have a message of their own, on one host at a time."""
MOST_NAMES = 50
DETAIL = 200

FAILURES, CROWD, LOGINS, ALARMS, GAPS = "failures", "crowd", "logins", "alarms", "gaps"
CROWDS: Mapping[str, str] = {FAILURES: CROWD, "login": LOGINS, "alarm": ALARMS}
"""Kinds of episodes of one address, and what they are told as when there are too many."""
REFUSED: Mapping[str, str] = {Choice.SUDO: "sudo-refused", Choice.SU: "su-refused"}
"""Kinds of episodes of those who were not let."""
_NONE_YET = -1
_ROOT = ("root", "#0", "")  # sudo writes a number that it was given with a #
_ACCOUNT = re.compile(r"accounts\.")


class Episodes:
    """Counts the events of one `host`; `changed` are the episodes that are to be told."""

    def __init__(self, tx: Transaction, host: str) -> None:
        self._tx = tx
        self._host = host
        self._rows: dict[tuple[str, str], EpisodeRow] = {}
        self._over: dict[int, EpisodeRow] = {}
        self._alone: int | None = None

    @property
    def changed(self) -> tuple[EpisodeRow, ...]:
        """Those to be told, as they are now."""
        return tuple(row for row in (*self._over.values(), *self._rows.values()) if row.told)

    def save(self) -> None:
        """Write all of them down."""
        for key, row in self._rows.items():
            self._rows[key] = LoginEpisodeTable.put(self._tx, row)

    def count(self, stored: StoredEvent, kind: str, subject: str, name: str, *, told: bool) -> None:
        """Take an event into the episode of its kind and subject; `told` says whether a new one is to be told.

        A connection that named nobody known is no failure of its own: mostly there is one beside it.
        """
        is_unknown = stored.kind == Kind.INVALID_USER
        tries, unknown = (0, stored.count) if is_unknown else (stored.count, 0)
        news = _News(stored.time, stored.time, name, tries, unknown, str(stored.event["detail"])[:DETAIL])
        self._take(kind, subject, news, told=told)

    def fold(self, login: SessionRow) -> None:
        """Count a login that has no message of its own."""
        news = _News(login.began_at, login.began_at, login.user, 1, 1 if login.first else 0)
        self._take("alarm" if login.alarm else "login", login.address, news, told=True)

    def lose(self, gap: LostTime) -> None:
        """Count a time of which nobody can say who came in."""
        self._take(GAPS, "", _News(gap.since, gap.until, gap.source), told=True)

    def _take(self, kind: str, subject: str, news: _News, *, told: bool) -> None:
        row = _counted(self._of(news.at, kind, subject, told=told), news)
        if row.crowd:
            crowd = self._of(news.at, CROWDS[kind], "", told=True)
            if row.crowd != crowd.id:  # it is new there, or the one that it was in is forgotten
                row, crowd = replace(row, crowd=crowd.id), replace(crowd, addresses=crowd.addresses + 1)
            self._rows[CROWDS[kind], ""] = _counted(crowd, news)
        self._rows[kind, subject] = row

    def _of(self, at: float, kind: str, subject: str, *, told: bool) -> EpisodeRow:
        """The episode that goes on at a time, else a new one.

        It need not be the newest: a host whose clock goes back and forth would begin one, with a message, at each turn.
        """
        key = kind, subject
        if row := self._rows.get(key):
            if row.first_at - PAUSE_S < at < row.last_at + PAUSE_S:
                return row
            del self._rows[key]  # what is read late may have its pause within
            self._over[row.id] = LoginEpisodeTable.put(self._tx, row)
        if row := LoginEpisodeTable.at(self._tx, self._host, kind, subject, at, pause=PAUSE_S):
            return self._over.pop(row.id, row)
        new = EpisodeRow(self._host, kind, subject, at, at, told=told)
        if told and kind in CROWDS and not (kind == FAILURES and self._has_room(at)):
            new = replace(new, told=False, crowd=_NONE_YET)
        return LoginEpisodeTable.put(self._tx, new)

    def _has_room(self, now: float) -> bool:
        """Whether one more address has a message of its own; counts it."""
        if self._alone is None:
            self._alone = LoginEpisodeTable.alone_since(self._tx, self._host, now - PAUSE_S)
        self._alone += 1
        return self._alone <= ALONE


def choice_of(stored: StoredEvent) -> Choice | None:
    """What somebody may want to be told that an event is about. A target that the line does not tell may be root."""
    if stored.kind == Kind.SUDO:
        return Choice.SUDO if stored.event["target"] in _ROOT else None
    if stored.kind == Kind.SU:
        return Choice.SU
    return Choice.ACCOUNTS if _ACCOUNT.match(str(stored.event["pattern"])) else None


def kind_of(stored: StoredEvent, choice: Choice) -> str:
    """The kind of episode that it belongs to: who was refused something did not do it."""
    return REFUSED[choice] if stored.event["ok"] is False else choice


@dataclass(frozen=True, slots=True)
class _News:
    """What one event adds to an episode; `name` is counted with the tries."""

    since: float
    at: float
    name: str
    tries: int = 1
    unknown: int = 0
    detail: str = ""


def _counted(row: EpisodeRow, news: _News) -> EpisodeRow:
    names, others = dict(row.names), row.others
    if news.name in names or len(names) < MOST_NAMES:
        names[news.name] = names.get(news.name, 0) + news.tries
    else:
        others += news.tries or news.unknown
    return replace(
        row,
        first_at=min(row.first_at, news.since),
        last_at=max(row.last_at, news.at),
        count=row.count + news.tries,
        unknown=row.unknown + news.unknown,
        names=names,
        others=others,
        detail=news.detail,
    )
