"""Processes that follow one host's log, for those who kill them: FOLDER KEY NAME ADDRESS SOURCE.

What one is told of it adds to a table of the same database, in the same transaction.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.fleet.hostctl import INSTALLED
from orchestrator.inventory import Host
from orchestrator.logins.follow import Followers
from orchestrator.ssh import Keys, Pool, Trust
from orchestrator.store import Database, StoredEvent
from orchestrator.store.logins import LoginLog
from tests.logins.following import hostctl
from tests.ssh.conftest import QUICK


def told(tx: sqlite3.Connection, host: str, stored: Sequence[StoredEvent]) -> None:
    """What the outbox would get."""
    assert host
    tx.execute("CREATE TABLE IF NOT EXISTS told (user TEXT NOT NULL, count INTEGER NOT NULL)")
    tx.executemany("INSERT INTO told VALUES (?, ?)", [(event.user, event.count) for event in stored])


async def follow(folder: Path, key: str, name: str, address: str, source: str) -> None:
    """Until it is killed."""
    database = await Database.open(folder / "state.db")
    async with Pool(trust=Trust(folder / "known_hosts"), keys=Keys(folder), limits=QUICK) as pool:
        host = Host(name, address, user="root", key=key)
        pool.keep([host])
        Followers(pool, hostctl(source), LoginLog(database, told), INSTALLED).keep([host])
        await asyncio.Event().wait()


def main() -> None:
    """A child that follows for each line of standard input, its id on standard output: to start is not to import."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(follow(Path(sys.argv[1]), *sys.argv[2:]))
        print(child, flush=True)


if __name__ == "__main__":
    main()
