"""`orchestrator logins`: logs of any form from a file or from standard input, as objects or as a table; pictures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.store import Database, LoginLog
from orchestrator.store.logins import Cursor, Seen
from tests.cli.command import environment, orchestrator
from tests.logins.record import RECORDED

LINE = "Nov 22 18:00:00 web1 sshd[7]: Accepted password for alice from 192.0.2.7 port 5 ssh2\n"
PROMISED = "time,host,kind,user,address,port,method,session,source,verified,count,line"
AUTUMN = 1_795_370_500  # 2026-11-22 18:01:40 UTC


def test_a_file_gives_one_object_a_line(tmp_path: Path) -> None:
    told = orchestrator(tmp_path, "logins", "--parse", str(RECORDED / "trixie.iso.log"), "--json")
    assert (told.status, told.err) == (0, "")
    events = [json.loads(line) for line in told.out.splitlines()]
    assert all(",".join(event).startswith(f"{PROMISED},") for event in events)
    assert {event["source"] for event in events} == {"trixie.iso.log"}
    first = events[0]
    assert (first["kind"], first["user"], first["method"]) == ("login", "alice", "password")
    assert (first["host"], first["verified"], first["count"]) == ("web3", False, 1)


def test_standard_input_may_be_the_journal(tmp_path: Path) -> None:
    journal = (RECORDED / "bookworm.journal.json").read_text()
    told = orchestrator(tmp_path, "logins", "--parse", "-", "--json", "--host", "db1", stdin=journal)
    events = [json.loads(line) for line in told.out.splitlines()]
    assert {event["host"] for event in events} == {"db1"}
    assert {event["source"] for event in events} == {"journal"}
    assert [event for event in events if event["kind"] == "login" and event["verified"]]


def test_a_year_that_lines_leave_out_is_that_of_the_file_and_the_zone_is_ours(tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_text(LINE)
    os.utime(log, (AUTUMN, AUTUMN))
    told = orchestrator(tmp_path, "logins", "--parse", str(log), "--json", TZ="UTC")
    assert json.loads(told.out)["time"] == "2026-11-22T18:00:00.000000+00:00"
    told = orchestrator(tmp_path, "logins", "--parse", str(log), "--json", TZ="Asia/Taipei")
    assert json.loads(told.out)["time"] == "2026-11-22T10:00:00.000000+00:00"


def test_a_table_for_people(tmp_path: Path) -> None:
    lines = LINE + LINE.replace("Accepted password for", "Failed password for invalid user").replace(
        "alice", "x\x1b[2Jy"
    )
    told = orchestrator(tmp_path, "logins", "--parse", "-", stdin=lines)
    heading, login, failed = told.out.splitlines()
    assert heading.split() == ["TIME", "HOST", "KIND", "USER", "ADDRESS", "HOW"]
    assert login.split()[2:] == ["web1", "login", "alice", "192.0.2.7", "5", "password"]
    assert "\x1b" not in failed


def test_nothing_about_logins_is_nothing(tmp_path: Path) -> None:
    for options in ([], ["--json"]):
        told = orchestrator(tmp_path, "logins", "--parse", "-", *options, stdin="hello\n\n{}\n[]\n")
        assert (told.status, told.out, told.err) == (0, "", "")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    told = orchestrator(tmp_path, "logins", "--parse", "none.log")
    assert told.status == 2
    assert told.err == "orchestrator: none.log: No such file or directory\n"


def test_a_line_without_end_takes_no_memory_and_hides_no_other(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (256 << 20,) * 2); "
    verb = "import sys; sys.argv[1:] = ['logins', '--parse', '-', '--json']; from orchestrator.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", limit + verb],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=environment(tmp_path),
    ) as program:
        assert program.stdin is not None
        for _ in range(260):
            program.stdin.write(b"x" * (1 << 20))
        out, _ = program.communicate(f"\n{LINE}".encode(), timeout=100)
    assert program.returncode == 0
    assert json.loads(out)["user"] == "alice"


async def test_a_picture_instead(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    file = tmp_path / "logins.png"
    nothing = orchestrator(tmp_path, "logins", "--png", str(file))
    assert (nothing.status, nothing.out) == (4, "")
    assert "nothing is known of logins yet" in nothing.err
    assert not file.exists()

    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    at = time.time() - 3600
    seen = [Seen(str(n), at + n, "failed", "root", "198.51.100.7", 9, True, {}) for n in range(5)]
    await LoginLog(database).put("web1", seen, Cursor("auth.log", "5", at))
    await database.close()
    for options in ([], ["--days", "30"], ["--week"]):
        file.unlink(missing_ok=True)
        drawn = orchestrator(tmp_path, "logins", "--png", str(file), *options)
        assert (drawn.status, drawn.out) == (0, "")
        said = drawn.err.splitlines()
        assert "data since " in said[-2]
        assert said[-1].endswith(f"chart in {file}")
        assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--png", "x.png", "--days", "3"], "--days 3: there is no such picture. Say one of 1, 7, 30"),
        (["--png", "x.png", "--week", "--days", "7"], "--days 7: there is no such picture. Say one of 28, 84"),
        (["--png", "x.png", "--user", "ann"], "--png and --user do not go together"),
        (["--week"], "--days and --week are of a picture. Say --png FILE, too"),
    ],
)
def test_pictures_that_there_are_not(tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "inventory").mkdir()
    told = orchestrator(tmp_path, "logins", *options)
    assert (told.status, told.out) == (2, "")
    assert said in told.err
    assert "Traceback" not in told.err
