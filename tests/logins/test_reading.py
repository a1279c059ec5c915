"""Lines into what is put down, and the putting down."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.fleet.hostctl import HostCtl
from orchestrator.logins.framing import Begin, CaughtUp, Gap, Line, Record, Source
from orchestrator.logins.patterns import catalogue
from orchestrator.logins.reading import Batch, Ours, Reading
from orchestrator.store import Database, StoredEvent
from orchestrator.store import logins as store
from orchestrator.store.logins import Cursor, LoginLog, Query, Seen
from tests.cli.command import orchestrator

OURS = Ours("orchestrator", "/usr/local/libexec/orchestrator/hostctl")
STAMP = "2026-11-22T18:00:00.000000+00:00 web1"


def taken(*messages: str, cursor: Cursor | None = None) -> Batch:
    """A batch of these lines of an auth.log."""
    reading = Reading("web1", OURS, cursor)
    batch = reading.batch()
    for record in (Source("auth.log"), Begin("1:0:0:0:5:6")):
        reading.take(record, batch)
    for number, message in enumerate(messages, 1):
        reading.take(Line(f"{STAMP} {message}".encode(), f"1:{number}:0:0:5:6", time.time()), batch)
    return batch


def test_who_goes_away_without_a_word_of_how_it_went_has_tried() -> None:
    """Of a refused key sshd says nothing else at its usual LogLevel (OpenSSH 9.2, measured)."""
    gave_up = "Connection closed by authenticating user root 192.0.2.7 port 5 [preauth]"
    alone = taken(f"sshd[7]: {gave_up}", f"sshd-session[8]: {gave_up}", f"sshd[7]: {gave_up}")
    assert [(seen.kind, seen.user, seen.count, seen.noise) for seen in alone.seen] == [("failed", "root", 3, True)]
    failed = "sshd[7]: Failed password for root from 192.0.2.7 port 5 ssh2"
    too_many = "sshd[7]: error: maximum authentication attempts exceeded for root from 192.0.2.7 port 5 ssh2 [preauth]"
    told = taken(failed, f"sshd[7]: {gave_up}")
    assert [(seen.kind, seen.count) for seen in told.seen] == [("failed", 1), ("disconnected", 1)]
    assert sum(seen.count for seen in taken(too_many).seen) == 1
    assert sum(seen.count for seen in taken(failed, failed, too_many).seen) == 2
    invalid = taken("sshd[7]: Connection closed by invalid user bob 192.0.2.7 port 5 [preauth]")
    assert [seen.kind for seen in invalid.seen] == ["disconnected"], "that nobody is so called was said before"


def test_the_same_failure_again_is_counted_and_no_login_ever_is() -> None:
    failed = "sshd[7]: Failed password for root from 192.0.2.7 port 5 ssh2"
    came_in = "sshd[8]: Accepted password for root from 192.0.2.7 port 5 ssh2"
    other = "sshd[7]: Failed password for root from 192.0.2.8 port 5 ssh2"
    batch = taken(*[failed] * 500, came_in, came_in, other, failed)
    assert [(seen.kind, seen.address, seen.count) for seen in batch.seen] == [
        ("failed", "192.0.2.7", 501),
        ("login", "192.0.2.7", 1),
        ("login", "192.0.2.7", 1),
        ("failed", "192.0.2.8", 1),
    ]
    assert batch.seen[0].event["count"] == 501
    assert batch.cursor.position == "1:504:0:0:5:6"


def test_what_we_ourselves_do_by_sudo_is_left_out() -> None:
    ours = "PWD=/home/orchestrator ; USER=root ; COMMAND=/usr/local/libexec/orchestrator/hostctl request"
    batch = taken(
        f"sudo[40]: orchestrator : {ours}",
        "sudo[40]: pam_unix(sudo:session): session opened for user root(uid=0) by (uid=999)",
        "sudo[40]: pam_unix(sudo:session): session closed for user root",
        f"sudo[41]: mallory : {ours}",
        "sudo[42]: orchestrator : PWD=/ ; USER=root ; COMMAND=/bin/sh",
        "sudo[43]: orchestrator : command not allowed ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id",
    )
    assert [(seen.kind, seen.user) for seen in batch.seen] == [
        ("sudo", "mallory"),
        ("sudo", "orchestrator"),
        ("sudo", "orchestrator"),
    ]


def test_of_a_file_only_what_is_new_enough_is_taken_until_it_is_caught_up_with() -> None:
    def line(number: int, minute: int, program: str = "sshd") -> Line:
        text = f"Accepted password for u{number} from 192.0.2.7 port 5 ssh2"
        return Line(
            f"2026-11-22T18:{minute:02}:00+00:00 web1 {program}[1]: {text}".encode(), f"1:{number}:0:0:5:6", 0.0
        )

    since = f"since:{datetime(2026, 11, 22, 18, 10, tzinfo=UTC).timestamp():.0f}"
    start: list[Record] = [
        Source("auth.log"),
        Begin(since),
        Begin("1:0:0:0:5:6"),
        line(1, 8),
        line(2, 9),
        line(3, 30, "cron"),
    ]

    def read(*records: Record) -> Batch:
        reading = Reading("web1", OURS, None)
        batch = reading.batch()
        for record in (*start, *records):
            reading.take(record, batch)
        assert reading.has_begun
        return batch

    assert (read().seen, read().position, read().moved) == ([], since, True)
    batch = read(line(4, 10), line(5, 9), line(6, 11))
    assert ([seen.user for seen in batch.seen], batch.position) == (["u4", "u5", "u6"], "1:6:0:0:5:6")
    batch = read(CaughtUp("1:3:0:0:5:6"), line(4, 9))
    assert ([seen.user for seen in batch.seen], batch.position) == (["u4"], "1:4:0:0:5:6"), "its clock may be wrong"
    assert read(CaughtUp("1:3:0:0:5:6")).position == "1:3:0:0:5:6"


def test_another_log_than_before_and_a_lost_file_are_gaps() -> None:
    batch = taken("sshd[1]: Accepted password for a from 192.0.2.7 port 5 ssh2", cursor=Cursor("journal", "s:1", 77.0))
    assert batch.gaps == [77.0]
    reading = Reading("web1", OURS, Cursor("auth.log", "1:2:3:a:5:6", 88.0))
    batch = reading.batch()
    for record in (Source("auth.log"), Gap(80.0)):
        reading.take(record, batch)
    assert (batch.gaps, batch.moved) == ([], False)
    reading.take(Begin("2:0:0:0:5:6"), batch)
    assert (batch.gaps, batch.moved) == ([80.0], True)


@pytest.mark.parametrize("stamp", [0.0, 1.0, -91 * 86400, 86400 + 600, 2 * 365 * 86400, 253_000_000_000.0])
def test_a_time_that_cannot_be_is_that_of_reading(stamp: float) -> None:
    """A host whose clock began in 1970, or was set to years to come."""
    now = time.time()
    stamp = stamp if stamp in (0.0, 1.0) or stamp > 1e9 else now + stamp
    reading = Reading("web1", OURS, None)
    batch = reading.batch()
    said = datetime.fromtimestamp(stamp, UTC).isoformat()
    for record in (
        Source("auth.log"),
        Begin("1:0:0:0:5:6"),
        Line(f"{said} web1 sshd[1]: Accepted password for a from 192.0.2.7 port 5 ssh2".encode(), "1:9:0:0:5:6"),
    ):
        reading.take(record, batch)
    (seen,) = batch.seen
    assert now <= seen.time <= time.time()
    assert seen.event["stamp"] == datetime.fromtimestamp(stamp, UTC).isoformat(timespec="microseconds")
    assert now <= batch.cursor.at <= time.time()


@pytest.mark.parametrize("ago", [-80_000.0, 0.0, 80 * 86400.0])
def test_a_clock_that_is_a_little_wrong_is_kept_to(ago: float) -> None:
    stamp = time.time() - ago
    fields = {
        "_SOURCE_REALTIME_TIMESTAMP": str(int(stamp * 1e6)),
        "SYSLOG_IDENTIFIER": "sshd",
        "_UID": "0",
        "_COMM": "sshd",
        "MESSAGE": "Accepted password for a from 192.0.2.7 port 5 ssh2",
    }
    reading = Reading("web1", OURS, None)
    batch = reading.batch()
    for record in (Source("journal"), Begin("since:5"), Line(json.dumps(fields).encode(), "s:a,i:1")):
        reading.take(record, batch)
    (seen,) = batch.seen
    assert seen.time == pytest.approx(stamp)
    assert seen.event["stamp"] is None


def test_a_gap_does_not_begin_in_times_to_come() -> None:
    reading = Reading("web1", OURS, None)
    batch = reading.batch()
    for record in (Source("auth.log"), Gap(99_999_999_999.0), Begin("1:0:0:0:5:6")):
        reading.take(record, batch)
    assert batch.gaps[0] <= time.time()


@pytest.mark.parametrize(("position", "gaps"), [("since:70", [77.0]), ("since:99", [])])
def test_a_journal_that_does_not_go_on_where_we_were_is_a_gap(position: str, gaps: list[float]) -> None:
    """As our place in it is yet to come, since the host's clock was set back."""
    reading = Reading("web1", OURS, Cursor("journal", "since:99", 77.0))
    batch = reading.batch()
    for record in (Source("journal"), Begin(position)):
        reading.take(record, batch)
    assert (batch.gaps, batch.position) == (gaps, position)


def test_however_many_gaps_a_host_tells_of_a_batch_has_one() -> None:
    reading = Reading("web1", OURS, None)
    batch = reading.batch()
    first, second = Begin("1:0:0:0:5:6"), Begin("2:0:0:0:5:6")
    records: list[Record] = [Source("auth.log"), Gap(9.0), Gap(3.0), first, Gap(7.0), second]
    for record in records:
        reading.take(record, batch)
    assert batch.gaps == [3.0]


def test_every_program_that_the_parser_knows_is_asked_of_the_journal() -> None:
    script = HostCtl.packaged().script.decode()
    asked = script.split("WRITERS='")[1].split("'")[0].split()
    assert sorted(set(catalogue().programs) - set(asked)) == []


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "state" / "orchestrator.db")
    yield opened
    await opened.close()


def seen(place: str, *, user: str = "ann", kind: str = "login", noise: bool = False, at: float | None = None) -> Seen:
    when = time.time() if at is None else at
    batch = taken(f"sshd[8]: Accepted password for {user} from 192.0.2.7 port 5 ssh2")
    event = {**batch.seen[0].event, "kind": kind}
    return Seen(place, when, kind, user, "192.0.2.7", 1, noise, event)


async def test_what_is_read_twice_is_there_once_and_told_once(database: Database) -> None:
    told: list[str] = []

    def tell(tx: sqlite3.Connection, host: str, stored: Sequence[StoredEvent]) -> None:
        assert tx.in_transaction
        told.extend(f"{host} {event.user}" for event in stored)

    log = LoginLog(database, tell)
    assert await log.put("web1", [seen("1:5"), seen("1:9", user="bob")], Cursor("auth.log", "1:9", 1.0)) == 2
    assert await log.put("web1", [seen("1:9", user="bob"), seen("1:12")], Cursor("auth.log", "1:12", 2.0), [9.0]) == 1
    assert told == ["web1 ann", "web1 bob", "web1 ann"]
    assert await log.cursor("web1") == Cursor("auth.log", "1:12", 2.0)
    assert [event.user for event in await log.find(Query(hosts=["web1"], user="bob"))] == ["bob"]
    assert [(gap.since, gap.until) for gap in await log.gaps(0)] == [(9.0, 2.0)]


async def test_what_cannot_be_told_is_not_put_down_either(database: Database) -> None:
    def tell(tx: sqlite3.Connection, host: str, stored: Sequence[StoredEvent]) -> None:
        raise RuntimeError(f"no outbox for {host} and {len(stored)} at {tx.total_changes}")

    with pytest.raises(RuntimeError):
        await LoginLog(database, tell).put("web1", [seen("1:5")], Cursor("auth.log", "1:5", 1.0))
    log = LoginLog(database)
    assert (await log.cursor("web1"), await log.find(Query())) == (None, [])


async def test_failures_do_not_push_out_who_came_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_NOISE", 10)
    log = LoginLog(database)
    await log.put("web1", [seen("1:0", at=1.0)], Cursor("auth.log", "x", 1.0))
    await log.put("web1", [seen("1:1")], Cursor("auth.log", "x", 1.0))
    noise = [seen(f"2:{number}", kind="failed", noise=True) for number in range(30)]
    await LoginLog(database).put("web1", noise, Cursor("auth.log", "x", 1.0))  # its first tidies up
    kept = await log.find(Query(limit=1000))
    assert [event.kind for event in kept] == ["login"] + ["failed"] * 10


async def test_who_floods_us_does_not_fill_the_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 10)
    log = LoginLog(database)
    for batch in range(10):
        await log.put("web1", [seen(f"{batch}:{line}") for line in range(500)], Cursor("auth.log", "x", 1.0))
    assert len(await log.find(Query(limit=10_000))) <= 2_000


async def test_the_verb_lists_what_fits(database: Database, tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text(
        "all: {hosts: {web1: {address: 192.0.2.1}, db1: {address: 192.0.2.2}}}\n"
    )
    log = LoginLog(database)
    await log.put("web1", [seen("1:1"), seen("1:2", user="bob")], Cursor("auth.log", "x", time.time()), [5.0])
    await log.put("db1", [seen("1:1", user="eve", at=5.0)], Cursor("auth.log", "x", 1.0))

    def users(*argv: str) -> list[str]:
        ran = orchestrator(tmp_path, "logins", *argv, "--json")
        assert ran.status == 0, ran.err
        return [json.loads(line)["user"] for line in ran.out.splitlines()]

    assert users("--limit", "2") == ["bob", "eve"]
    assert users("web1", "--user", "bob", "--limit", "1") == ["bob"]
    assert users("--since", "1h", "--kind", "login", "--address", "192.0.2.7") == ["ann", "bob"]
    table = orchestrator(tmp_path, "logins", "web1")
    assert [line.split()[3:5] for line in table.out.splitlines()[1:]] == [["login", "ann"], ["login", "bob"]]
    assert "web1: what auth.log held between 1970" in table.err
    assert orchestrator(tmp_path, "logins", "--kind", "nothing").status == 2
