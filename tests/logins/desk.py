"""Lines of a log, put down by a clock that a test sets; and what became of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from orchestrator.logins.book import LoginBook
from orchestrator.logins.event import LoginEvent
from orchestrator.logins.letters import EPISODE, LOGIN
from orchestrator.logins.ours import OwnKeys
from orchestrator.logins.parse import parse_line
from orchestrator.settings import ChatTarget
from orchestrator.store import Database, Letter, LoginLog, Outbox
from orchestrator.store.loginbook import EpisodeQuery, LoginBookReader, SessionQuery
from orchestrator.store.loginepisodes import EpisodeRow
from orchestrator.store.loginrules import LoginRuleTable
from orchestrator.store.logins import Cursor, Seen
from orchestrator.store.loginsessions import SessionRow
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind

CHAT = ChatTarget(7)
T0 = time.time() // 60 * 60 - 86400.0
KEY = "ED25519 SHA256:Jf0ljS/m1gZFkbDSZUuU1tXfyTQCnJ9L3oC4Ebhd1N8"


@dataclass
class Desk:
    """A book over a database, and the clock that both go by."""

    database: Database
    outbox: Outbox
    book: LoginBook
    log: LoginLog
    rules: LoginRuleTable
    now: float = T0
    places: itertools.count[int] = field(default_factory=itertools.count)

    async def read(self, *lines: str, host: str = "web1", gaps: Sequence[float] = ()) -> None:
        """Put down lines of auth.log, each `now`."""
        await self.log.put(host, [self.seen(line, host) for line in lines], Cursor("auth.log", "1", self.now), gaps)

    def seen(self, line: str, host: str = "web1") -> Seen:
        """A line of auth.log, of `now`."""
        event = parse_line(
            f"2025-01-01T00:00:00Z {host} {line}".encode(), host=host, source="auth.log", now=self.now, zone=UTC
        )
        assert event is not None, line
        return self.of(event)

    def of(self, event: LoginEvent) -> Seen:
        """An event, of `now`."""
        noise = event.kind in {"failed", "invalid_user", "probe", "throttled", "disconnected"}
        place = str(next(self.places))
        return Seen(
            place, self.now, event.kind, event.user, event.address, event.count, noise,
            {**event.to_json(), "time": ""},
        )  # fmt: skip

    async def heard(self, *events: LoginEvent) -> None:
        """Put down events of the journal, each `now`."""
        await self.log.put("web1", [self.of(event) for event in events], Cursor("journal", "1", self.now))

    async def letters(self, kind: str) -> list[Letter]:
        """All of a kind that were ever put in."""
        found: list[Letter] = []
        while more := await self.outbox.since(found[-1].id if found else 0):
            found += more
        return [letter for letter in found if letter.kind == kind]

    async def logins(self) -> list[SessionRow]:
        return [SessionRow(**letter.payload) for letter in await self.letters(LOGIN)]

    async def episodes(self) -> list[dict[str, Any]]:
        return [dict(letter.payload) for letter in await self.letters(EPISODE)]

    async def sessions(self, **wanted: Any) -> list[SessionRow]:
        return await LoginBookReader(self.database).sessions(SessionQuery(**wanted))

    async def kept(self, **wanted: Any) -> list[EpisodeRow]:
        return await LoginBookReader(self.database).episodes(EpisodeQuery(**wanted))


@asynccontextmanager
async def desk_in(home: Path) -> AsyncIterator[Desk]:
    """A book that knows no key as ours and tells all there is to tell, in the database of `home`."""
    database = await Database.open(home / "state" / "orchestrator.db")
    outbox = Outbox(database, [CHAT])
    book = LoginBook(
        database,
        outbox,
        lambda *_: None,
        own_keys=OwnKeys(home, home),
        scopes=lambda host: (Scope(ScopeKind.HOST, host), FLEET),
        now=lambda: made.now,
    )
    made = Desk(database, outbox, book, LoginLog(database, book.told, book.lost), LoginRuleTable(database))
    try:
        yield made
    finally:
        await database.close()


def came(user: str = "ann", address: str = "192.0.2.7", pid: int = 731, port: int = 52144, key: str = KEY) -> str:
    return f"sshd[{pid}]: Accepted publickey for {user} from {address} port {port} ssh2: {key}"


def failed(user: str = "root", address: str = "198.51.100.9") -> str:
    return f"sshd[9]: Failed password for {user} from {address} port 4022 ssh2"
