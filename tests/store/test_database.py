"""The database: durable, checked at the start, never silently reset."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.store import AuditLog, ButtonRow, Buttons, Database, Entry, Inbox, Preferences, Press
from orchestrator.store.migrations import MIGRATIONS

ENTRY = Entry("telegram:5", "telegram", "exec", "Run on web1: uptime", ("web1",))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    yield database
    await database.close()


async def test_the_file_is_for_its_owner_alone(database: Database) -> None:
    assert database.path.stat().st_mode & 0o777 == 0o600
    assert database.path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_file_open_to_others_is_refused(database: Database) -> None:
    database.path.chmod(0o644)
    with pytest.raises(StoreError, match="others can read it.*chmod 600"):
        await Database.open(database.path)


async def test_a_damaged_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.db"
    path.write_bytes(b"not a database at all" * 100)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="not a database.*is not reset by itself"):
        await Database.open(path)
    assert path.read_bytes().startswith(b"not a database")


async def test_a_page_torn_inside_the_file_is_found_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.db"
    database = await Database.open(path)
    audit = AuditLog(database)
    for _ in range(200):
        await audit.intent(ENTRY)
    await database.close()
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(4096))
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        await Database.open(path)


async def test_a_newer_schema_is_refused(database: Database) -> None:
    await database.write(lambda tx: tx.execute("PRAGMA user_version = 99"))
    with pytest.raises(StoreError, match="newer version"):
        await Database.open(database.path)


async def test_each_older_schema_becomes_the_newest(database: Database, tmp_path: Path) -> None:
    async def layout(found: Database) -> list[tuple[object, ...]]:
        things = "SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name"
        columns = "SELECT m.name, p.* FROM sqlite_master AS m, pragma_table_info(m.name) AS p ORDER BY m.name, p.cid"
        rows = await found.read(lambda tx: [*tx.execute(things).fetchall(), *tx.execute(columns).fetchall()])
        return [tuple(row) for row in rows]

    newest = await layout(database)
    for version in range(1, len(MIGRATIONS)):
        old = tmp_path / f"{version}.db"
        with closing(sqlite3.connect(old)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            scripts = (*MIGRATIONS[:version], f"PRAGMA user_version = {version}", "COMMIT")
            connection.executescript("BEGIN;" + ";".join(scripts))
            connection.execute("INSERT INTO inbox VALUES (7, 1.0)")
            connection.commit()
        old.chmod(0o600)
        upgraded = await Database.open(old)
        assert await layout(upgraded) == newest, version
        kept = await upgraded.read(lambda tx: tx.execute("SELECT update_id FROM inbox").fetchone())
        assert kept["update_id"] == 7
        await upgraded.close()


async def test_a_failed_write_leaves_nothing_behind(database: Database) -> None:
    preferences = Preferences(database)

    def half(tx: sqlite3.Connection) -> None:
        tx.execute("INSERT INTO preferences VALUES ('a', 'b', 'c')")
        tx.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StoreError, match="no such table"):
        await database.write(half)
    assert await preferences.get("a", "b") is None
    await preferences.set("a", "b", "d")
    assert await preferences.get("a", "b") == "d"


async def test_a_full_disk_is_an_error_and_heals(database: Database) -> None:
    audit = AuditLog(database)
    await audit.intent(ENTRY)
    pages = await database.read(lambda tx: tx.execute("PRAGMA page_count").fetchone()[0])
    await database.read(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(StoreError, match="Free some space"):
        for _ in range(500):
            await audit.intent(ENTRY)
    await database.read(lambda tx: tx.execute("PRAGMA max_page_count = 1000000").fetchone())
    await audit.intent(ENTRY)


async def test_two_processes_share_it(database: Database) -> None:
    other = await Database.open(database.path)
    try:
        first, second = AuditLog(database), AuditLog(other)
        await asyncio.gather(*(log.intent(ENTRY) for log in (first, second) for _ in range(25)))
        assert len(await first.latest(100)) == 50
    finally:
        await other.close()


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from orchestrator.store import Database, Inbox\n"
        "async def main():\n"
        "    inbox = Inbox(await Database.open(Path(sys.argv[1])))\n"
        "    n = 0\n"
        "    while True:\n"
        "        n += 1\n"
        "        assert await inbox.take(n)\n"
        "        print(n, flush=True)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "orchestrator.db"
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 30:
                process.send_signal(signal.SIGKILL)
                break
        acknowledged = [int(line) for line in process.stdout if line.endswith("\n")] or [30]
    database = await Database.open(path)
    try:
        inbox = Inbox(database)
        assert not any([await inbox.take(number) for number in range(1, acknowledged[-1] + 1)])
    finally:
        await database.close()


async def test_an_update_is_taken_once(database: Database) -> None:
    inbox = Inbox(database)
    taken = await asyncio.gather(*(inbox.take(7) for _ in range(5)))
    assert sorted(taken) == [False] * 4 + [True]


async def test_old_updates_are_forgotten(database: Database) -> None:
    inbox = Inbox(database)
    await inbox.take(1, now=0.0)
    await inbox.take(2, now=8 * 86400.0)
    count = await database.read(lambda tx: tx.execute("SELECT count(*) FROM inbox").fetchone()[0])
    assert count == 1


class TestButtons:
    ROW = ButtonRow("close", {"host": "web1"}, requester="telegram:5", lifetime=120.0, once=True)

    async def test_taken_once_by_the_asker(self, database: Database) -> None:
        buttons = Buttons(database)
        close, keep = await buttons.put([self.ROW, ButtonRow("keep", {}, "telegram:5", 120.0, once=True)])
        assert len(close.encode()) <= 64
        assert (await buttons.press(close, "telegram:6"))[0] is Press.NOT_YOURS
        verdict, verb, args = await buttons.press(close, "telegram:5")
        assert (verdict, verb, dict(args)) == (Press.TAKEN, "close", {"host": "web1"})
        assert (await buttons.press(keep, "telegram:5"))[0] is Press.USED

    async def test_two_taps_at_once(self, database: Database) -> None:
        buttons = Buttons(database)
        (id_,) = await buttons.put([self.ROW])
        presses = await asyncio.gather(*(buttons.press(id_, "telegram:5") for _ in range(4)))
        assert sorted(press[0] for press in presses) == [Press.TAKEN, Press.USED, Press.USED, Press.USED]

    async def test_expired_unknown_and_anyones(self, database: Database) -> None:
        buttons = Buttons(database)
        mine, anyones = await buttons.put([self.ROW, ButtonRow("refresh", {}, "", 1000.0, once=False)], now=0.0)
        assert (await buttons.press(mine, "telegram:5", now=121.0))[0] is Press.EXPIRED
        assert (await buttons.press("forged", "telegram:5"))[0] is Press.UNKNOWN
        for actor in ("telegram:5", "telegram:6"):
            assert (await buttons.press(anyones, actor, now=999.0))[1] == "refresh"

    async def test_survives_a_restart(self, database: Database) -> None:
        (id_,) = await Buttons(database).put([self.ROW])
        again = await Database.open(database.path)
        try:
            assert (await Buttons(again).press(id_, "telegram:5"))[0] is Press.TAKEN
        finally:
            await again.close()


class TestAudit:
    async def test_an_intent_without_result_is_unfinished(self, database: Database) -> None:
        audit = AuditLog(database)
        done, hanging = await audit.intent(ENTRY), await audit.intent(ENTRY)
        await audit.result(done, ENTRY, {"status": "ok"})
        assert [row.seq for row in await audit.unfinished()] == [hanging]
        newest = (await audit.latest(1))[0]
        assert (newest.kind, newest.intent, newest.outcome) == ("result", done, {"status": "ok"})

    async def test_one_result_an_intent(self, database: Database) -> None:
        audit = AuditLog(database)
        intent = await audit.intent(ENTRY)
        await audit.result(intent, ENTRY, {"status": "ok"})
        with pytest.raises(StoreError, match="UNIQUE"):
            await audit.result(intent, ENTRY, {"status": "failed"})


async def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StoreError, match="cannot open the database"):
        await Database.open(tmp_path / "state" / "orchestrator.db")


async def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(StoreError, match="chmod 700"):
        await Database.open(tmp_path / "state" / "orchestrator.db")
