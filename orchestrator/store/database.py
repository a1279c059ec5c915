"""The one SQLite file: opened, checked and migrated here, and used from one thread."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import StoreError
from orchestrator.store.migrations import MIGRATIONS

log = logging.getLogger(__name__)

T = TypeVar("T")

Transaction = sqlite3.Connection
"""What `Database.write` and `Database.read` hand to their work."""

BUSY_TIMEOUT_S = 5.0


class Database:
    """An open database. Every call runs in one worker thread, in the order asked.

    `synchronous=FULL` in WAL mode: what a call returned from survives a power cut (https://sqlite.org/pragma.html).
    """

    def __init__(self, connection: sqlite3.Connection, worker: ThreadPoolExecutor, path: Path) -> None:
        self._connection = connection
        self._worker = worker
        self.path = path

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open or create the file at `path` (0600, its folder 0700).

        Raises `StoreError` when the file is damaged, unsafe, locked for good, or from a newer version of ours.
        A damaged file is never replaced by itself: it may hold the only evidence.
        """
        worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(worker, _connect, path)
        except BaseException:
            worker.shutdown(wait=False)
            raise
        return cls(connection, worker, path)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one immediate transaction; committed and synced when this returns."""
        return await self._call(lambda: _transaction(self._connection, work))

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads."""
        return await self._call(lambda: work(self._connection))

    async def close(self) -> None:
        """Close the file; calls made before it still finish."""
        await self._call(self._connection.close)
        self._worker.shutdown(wait=False)

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            # Shielded: a cancelled caller must not leave a commit half waited for.
            return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._worker, work))
        except sqlite3.Error as error:
            raise _explain(error, self.path) from error


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.parent.stat().st_mode & 0o022:
            remedy = f"Run: chmod 700 {path.parent}"
            raise StoreError("others can put another database there", where=str(path.parent), remedy=remedy)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if path.stat().st_mode & 0o077:
            raise StoreError("others can read it", where=str(path), remedy=f"Run: chmod 600 {path}")
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            _check(connection, path)
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    except OSError as error:
        raise StoreError(f"cannot open the database: {error.strerror}", where=str(path)) from error
    except sqlite3.Error as error:
        raise _explain(error, path) from error
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreError(
            f"the database is damaged ({verdict})",
            where=str(path),
            remedy="Stop the program, move the file away and restore a copy; it is not reset by itself",
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    def apply(tx: sqlite3.Connection) -> None:
        version = tx.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StoreError(
                f"the database is of a newer version ({version}, this program knows {len(MIGRATIONS)})",
                where=str(path),
                remedy="Run the newer program, or restore the copy made before the upgrade",
            )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            # Not executescript(): it would commit the transaction that makes a half-done migration impossible.
            for statement in filter(str.strip, script.split(";")):
                tx.execute(statement)
            tx.execute(f"PRAGMA user_version = {number}")

    _transaction(connection, apply)


def _transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _explain(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith("SQLITE_FULL") or "disk I/O" in str(error):
        remedy = "Free some space on its disk"
    elif code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        remedy = "Another process holds it; see who with: fuser " + str(path)
    elif code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        remedy = "Stop the program, move the file away and restore a copy; it is not reset by itself"
    else:
        remedy = ""
    return StoreError(f"the database refused: {error}", where=str(path), remedy=remedy)
