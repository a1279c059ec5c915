"""Ten thousand failed logins while Telegram is away for ten minutes, and people who log in in between."""

from __future__ import annotations

import re
import resource
import time
from datetime import UTC
from pathlib import Path

from orchestrator.bot.letters import Letters
from orchestrator.bot.logintelling import LOGIN_DIGESTS, LoginTelling
from orchestrator.logins.book import MOST, LoginBook
from orchestrator.logins.ours import OwnKeys
from orchestrator.logins.parse import parse_line
from orchestrator.logins.reading import Batch
from orchestrator.settings import ChatTarget
from orchestrator.store import LoginLog
from orchestrator.store.loginbook import EpisodeQuery, LoginBookReader, SessionQuery
from orchestrator.store.logins import Query
from orchestrator.store.thresholds import FLEET
from tests.bot.conftest import inventory_of
from tests.telegram.emulator import ANN, Telegram
from tests.telegram.face import Running, serving
from tests.telegram.test_outbox import kept

FAILURES = 10_000
HOSTS = 6
ADDRESSES = 40
LOGINS = 50
BATCH = 100  # lines that a follower reads at once
AWAY_S = 600.0
MIB = 1 << 20
FLAT = 16 * MIB


class Storm:
    """Feeds lines as followers do, in batches, by a clock that runs ahead."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.now = time.time() - AWAY_S
        self.book = LoginBook(
            running.database,
            running.outbox,
            lambda *_: None,
            own_keys=OwnKeys(folder, folder),
            scopes=lambda _: (FLEET,),
            now=lambda: self.now,
        )
        self.log = LoginLog(running.database, self.book.told, self.book.lost)
        self._lines = 0

    async def blow(self, failures: int, logins: int) -> None:
        """So many of each, evenly."""
        for first in range(0, failures, BATCH):
            lines = [
                f"sshd[9]: Failed password for u{number % 7} from 198.51.100.{number % ADDRESSES} port 4022 ssh2"
                for number in range(first, first + BATCH)
            ]
            if first % (failures // logins) == 0:
                port = 20_000 + self._lines
                lines.append(f"sshd[{port}]: Accepted password for ann{port} from 192.0.2.7 port {port} ssh2")
            self.now += AWAY_S / FAILURES * BATCH
            await self._put(first // BATCH % HOSTS, lines)
            await self.book.flush()

    async def come(self, logins: int) -> None:
        """So many of one host, at once, of a program."""
        lines = [f"sshd[{n}]: Accepted password for cron from 192.0.2.8 port {n} ssh2" for n in range(1, logins + 1)]
        await self._put(0, lines)

    async def _put(self, host: int, lines: list[str]) -> None:
        name = f"web{host}"
        batch = Batch("auth.log", f"1:{self._lines}")
        for line in lines:
            self._lines += 1
            stamped = f"{_iso(self.now)} {name} {line}".encode()
            event = parse_line(stamped, host=name, source="auth.log", now=self.now, zone=UTC)
            assert event is not None
            batch.add(f"1:{self._lines}", event)
        await self.log.put(name, batch.seen, batch.cursor)


def resident() -> int:
    """Bytes of memory that this process has (proc_pid_statm(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z"


def told_of(tg: Telegram) -> str:
    """All that the chat was shown, files too."""
    items = tg.in_chat(ANN.id)
    return "\n".join(f"{item.text}\n{item.document[1].decode() if item.document else ''}" for item in items)


async def test_every_login_is_told_and_every_failure_counted(tg: Telegram, tmp_path: Path) -> None:
    letters = Letters(LoginTelling(lambda: inventory_of([])).composers, LOGIN_DIGESTS)
    await tg.proxy.down()
    async with serving(tg, tmp_path, targets=[ChatTarget(ANN.id)], letters=letters) as running:
        storm = Storm(running, tmp_path)
        await storm.blow(FAILURES // 10, LOGINS // 10)
        before = resident()
        await storm.blow(FAILURES // 10 * 9, LOGINS // 10 * 9)
        assert resident() - before < FLAT, "memory is flat"

        reader = LoginBookReader(running.database)
        episodes = await reader.episodes(EpisodeQuery(kinds=["failures"], limit=10_000))
        crowds = await reader.episodes(EpisodeQuery(kinds=["crowd"]))
        alone = sum(row.count for row in episodes)
        assert alone + sum(row.count for row in crowds) == FAILURES
        stored = await storm.log.find(Query(kinds=["failed"], limit=100_000))
        assert sum(event.count for event in stored) == FAILURES
        assert len(await reader.sessions(SessionQuery(limit=1000))) == LOGINS
        earlier = len(await reader.sessions(SessionQuery(hosts=["web0"])))
        await storm.come(MOST)

        storm.now += 200
        await storm.book.flush()
        await tg.proxy.up()
        await kept(running.outbox, 0)
        told = told_of(tg)
        for session in await reader.sessions(SessionQuery(limit=1000)):
            assert re.search(rf"\b{session.user}\b", told), session
        assert f"🚪 {earlier} logins · {FAILURES:,} failed logins · {HOSTS} hosts" in told
        assert f"🔑 web0: {earlier} more logins" in told
        assert f"\tlogins\t\t{earlier}\t0\t1\tcron({earlier})\n" in told, "in the file there is also who"
        assert re.search(r"🔑 \d+ logins · ", told), "many at once are one message"
        assert len(tg.in_chat(ANN.id)) <= 12, "nobody is flooded"
