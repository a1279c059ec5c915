"""What is told of logins: each change of a session or an episode becomes a letter in the transaction that put it down.

A session has a message of its own. Failures of an address share one that counts up, and so do logins that come too fast
to be told one by one, and the times of which nobody can say who came in.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.logins.episodes import FAILURES, Episodes, choice_of, kind_of
from orchestrator.logins.event import Kind
from orchestrator.logins.judging import judged
from orchestrator.logins.keyfiles import Look
from orchestrator.logins.letters import LAST_PAUSE_S, LoginLetters, Route
from orchestrator.logins.ours import OwnKeys
from orchestrator.logins.pace import Pace
from orchestrator.logins.rules import Choice, LoginRules, Scopes
from orchestrator.logins.sessions import Sessions
from orchestrator.store.database import Database, Transaction
from orchestrator.store.loginboots import Boot, LoginBootTable
from orchestrator.store.logindials import LoginDials
from orchestrator.store.loginepisodes import EpisodeRow, LoginEpisodeTable
from orchestrator.store.loginkeys import LoginKeyTable
from orchestrator.store.loginrules import LoginRuleRow, LoginRuleTable
from orchestrator.store.logins import LostTime, StoredEvent
from orchestrator.store.loginseen import LoginSeenTable
from orchestrator.store.loginsessions import LoginSessionTable, SessionRow
from orchestrator.store.loginvantages import LoginVantageTable
from orchestrator.store.outbox import Outbox

MOST, WITHIN_S = 100, 600.0
"""Of a host, logins that have messages of their own, and as many that are alarming: with their ends about as many
messages as Telegram takes of us in a group."""
_TIDY_EVERY = 1_000  # events or transactions
_NEWCOMERS = 100
_ROOT = "uid 0"  # among the fingerprints of what opens an account
_TABLES = (LoginSessionTable, LoginEpisodeTable, LoginSeenTable, LoginVantageTable)
_SESSION_KINDS = frozenset({Kind.SESSION_OPENED, Kind.SESSION_CLOSED, Kind.DISCONNECTED})


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a host sees us when we come in: our `address`, the fingerprint of our `key`; and which `boot` of it it is."""

    address: str = ""
    key: str = ""
    boot: Boot = field(default_factory=Boot)


class LoginBook:
    """Keeps sessions and episodes, and tells them. `told` and `lost` are for LoginLog, `renamed` for whoever renames.
    `now` is our clock.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        route: Route,
        *,
        own_keys: OwnKeys,
        scopes: Scopes,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._own_keys = own_keys
        self._scopes = scopes
        self._now = now
        self._letters = LoginLetters(outbox, route, now)
        self._pace = Pace(MOST, WITHIN_S)
        self._untidy = _TIDY_EVERY
        self._newcomers: deque[SessionRow] = deque(maxlen=_NEWCOMERS)

    def told(self, tx: Transaction, host: str, stored: Sequence[StoredEvent]) -> None:
        """Take in what was put down of a host, and tell what is to be told of it."""
        rules = LoginRules(LoginRuleTable.within(tx), self._scopes(host))
        sessions, episodes = Sessions(tx, host), Episodes(tx, host)
        for each in stored:
            if each.kind == Kind.LOGIN and each.count:
                row = judged(tx, sessions.begin(each), str(each.event["detail"]), rules, self._own_keys)
                if row.told and self._pace.is_over((host, bool(row.alarm)), self._now()):
                    episodes.fold(row)
                    row = replace(row, told=False)
                sessions.write(row)
                if row.told:
                    self._newcomers.append(row)
            elif each.kind in _SESSION_KINDS:
                sessions.follow(each)
            elif each.kind in (Kind.FAILED, Kind.INVALID_USER) and each.count:
                if LoginDials.tried(tx, each):
                    continue
                told = not rules.quiet("", each.address)
                episodes.count(each, FAILURES, each.address, each.user, told=told)
            elif (choice := choice_of(each)) and each.count:
                told = rules.tells(choice) and not rules.quiet(each.user, "")
                episodes.count(each, kind_of(each, choice), each.user, str(each.event["target"]), told=told)
        for session in sessions.changed:
            self._letters.session(tx, session)
        self._letters.episodes(tx, episodes)
        self._untidy += 1 + len(stored)
        if self._untidy >= _TIDY_EVERY:
            self._untidy = 0
            for table in _TABLES:
                table.forget(tx, self._now())

    def wants_keys(self, rows: Sequence[LoginRuleRow], host: str) -> bool:
        """Whether by these rules somebody wants to be told of new keys on a host, or of accounts, of which a look sees
        what no log tells: one that became root by its number.
        """
        rules = LoginRules(rows, self._scopes(host))
        return rules.tells(Choice.KEYS) or rules.tells(Choice.ACCOUNTS)

    async def looked(self, host: str, look: Look, *, mine: Collection[str] = (), offered: Collection[str] = ()) -> None:
        """Remember which keys open the accounts of a host, and which of these are root by their number, and tell what
        was not so the last time.

        Nothing is new the first time. Our own are not told, nor `mine`, those (by fingerprint) that the inventory names
        for this host. What we only `offered`, as an agent has it, may be a person's: it is told as one of ours, too.
        """

        def work(tx: Transaction) -> None:
            roots = {user: (user, _ROOT, False) for user in look.roots}
            found = [*(key.identity for key in look.keys), *roots.values()]
            new = set(LoginKeyTable.put(tx, host, look.scope, found, self._now()))
            rules = LoginRules(LoginRuleTable.within(tx), self._scopes(host))
            episodes = Episodes(tx, host)
            for key in look.keys:
                if key.identity in new and key.fingerprint not in mine and not self._own_keys.are(key.fingerprint):
                    told = rules.tells(Choice.KEYS) and not rules.quiet(key.user, "")
                    used = key.fingerprint in offered or key.fingerprint in LoginVantageTable.used_keys(tx)
                    event = _as_event(host, key.user, self._now())
                    episodes.count(event, Choice.KEYS, key.user, key.label(ours=used), told=told)
            for user in (user for user, identity in roots.items() if identity in new):
                told = rules.tells(Choice.ACCOUNTS) and not rules.quiet(user, "")
                episodes.count(_as_event(host, user, self._now(), "UID=0"), Choice.ACCOUNTS, user, "root", told=told)
            self._letters.episodes(tx, episodes)

        await self._database.write(work)

    def lost(self, tx: Transaction, gap: LostTime) -> None:
        """Tell that nobody can say who came in between two times."""
        episodes = Episodes(tx, gap.host)
        episodes.lose(gap)
        self._letters.episodes(tx, episodes)

    async def flush(self) -> None:
        """Tell the news of episodes that is due."""

        def due(tx: Transaction) -> list[EpisodeRow]:
            return LoginEpisodeTable.pending(tx, self._now(), self._now() + LAST_PAUSE_S)

        def work(tx: Transaction) -> None:
            for row in due(tx):
                self._letters.episode(tx, row)

        if await self._database.read(due):
            await self._database.write(work)

    async def greet(self, host: str, greeting: Greeting) -> None:
        """Remember how a host sees us and which boot it is, before anything is read of its log that we may be in."""

        def work(tx: Transaction) -> None:
            if greeting.address:
                LoginVantageTable.put(tx, host, greeting.address, greeting.key, self._now())
            LoginBootTable.put(tx, host, greeting.boot)

        await self._database.write(work)

    async def settle(self, host: str) -> None:
        """Its log was read by now: sessions of a boot before this one, whose end it does not tell, have ended."""

        def work(tx: Transaction) -> None:
            if ended := LoginBootTable.ended(tx, host):
                sessions = Sessions(tx, host)
                sessions.lose(ended, self._now())
                self._tell_again(tx, sessions.changed)
                LoginBootTable.settle(tx, host)

        if await self._database.read(lambda tx: LoginBootTable.ended(tx, host)):
            await self._database.write(work)

    async def hosts_with_open(self) -> frozenset[str]:
        """The hosts of which sessions are open."""
        return await self._database.read(LoginSessionTable.hosts_with_open)

    async def abandon(self, host: str) -> None:
        """It left the inventory: how its open sessions end nobody will see."""

        def work(tx: Transaction) -> None:
            sessions = Sessions(tx, host)
            sessions.abandon(self._now())
            self._tell_again(tx, sessions.changed)

        await self._database.write(work)

    def renamed(self, tx: Transaction, host: str) -> None:
        """Its open sessions were told under another name, by which nobody can act on them any more. Those that are said
        to have ended stay as they are: of a host where nothing vouches for a line they are many.
        """
        self._tell_again(tx, [row for row in LoginSessionTable.open_on(tx, host) if row.claimed_at is None])

    def newcomers(self) -> list[SessionRow]:
        """Those told since the last time it was asked, of very many the last."""
        found: dict[int, SessionRow] = {}  # by id: twice there, where what wrote it down had to be done again
        while self._newcomers:  # one by one: more may come from the thread of the database
            row = self._newcomers.popleft()
            found[row.id] = row
        return list(found.values())

    async def describe(self, login: SessionRow, *, reverse: str = "", comment: str = "") -> None:
        """Add the name of its address, or the comment of its key, to a session, and tell it."""

        def work(tx: Transaction) -> None:
            row = LoginSessionTable.get(tx, login.id)
            if row and (row.host, row.began_at) == (login.host, login.began_at):  # it was put down in the end
                self._letters.session(tx, replace(row, reverse=reverse or row.reverse, comment=comment or row.comment))

        await self._database.write(work)

    def _tell_again(self, tx: Transaction, rows: Sequence[SessionRow]) -> None:
        """Tell what became of sessions all at once; of very many only the newest."""
        for row in [row for row in rows if row.told][-MOST:]:
            self._letters.session(tx, row)


def _as_event(host: str, user: str, now: float, detail: str = "") -> StoredEvent:
    """That something happened which no log tells of."""
    return StoredEvent(0, "", host, now, Kind.OTHER, user, "", 1, {"detail": detail})
