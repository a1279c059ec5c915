"""The busiest processes and the sessions of a machine, under every shell, and answers that are none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.errors import UsageError
from orchestrator.fleet import By, Fleet, find_session
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer
from orchestrator.fleet.processes import read_top
from orchestrator.fleet.sessions import KickState, read_kick, read_who
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Status
from tests.fleet.processes import ShellRun

LOAD = """
import sys
held = bytearray(200 << 20)
print("ready", flush=True)
while True:
    pass
"""
PROCESS = ("process", "7", "100", "1700000000", "ops", "", "", "", "sh", "sh -c x")
SESSION = (
    *("session", "7", "100", "1700000000", "5", "ops", "sshd", "tty", "pts/0"),
    *("3", "cb007109", "D431", "-", "2", "7", "-"),
)


@pytest.fixture(scope="module")
def busy() -> Iterator[int]:
    """A process that takes one core and 200 MiB."""
    with subprocess.Popen([sys.executable, "-c", LOAD], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


async def test_the_busiest_by_time_and_by_memory(any_shell: ShellRun, busy: int, server: Host) -> None:
    (answer,) = [answer async for answer in Fleet(any_shell).top([server])]
    assert (answer.status, answer.detail) == (Status.OK, "")
    (process,) = [process for process in answer.processes if process.pid == busy]
    assert 0 < process.cpu < 1.5
    assert 200 << 20 < process.memory_bytes < 300 << 20
    assert process.command.endswith("pass") or "held" in process.command
    assert process in answer.by(By.CPU)
    memory = [each.memory_bytes for each in answer.by(By.MEMORY)]
    assert memory == sorted(memory, reverse=True)
    assert answer.total >= len(answer.processes)


async def test_who_under_every_shell(any_shell: ShellRun, server: Host) -> None:
    (answer,) = [answer async for answer in Fleet(any_shell).who([server])]
    assert (answer.status, answer.detail) == (Status.OK, "")
    assert all(session.user and session.leader > 1 for session in answer.sessions)


def test_a_session_as_it_is_told() -> None:
    (session,) = read_who("web1", Frame((("view", "whole"), SESSION, PROCESS))).sessions
    assert (session.id, session.user, session.address, session.port) == ("5", "ops", "203.0.113.9", 54321)
    assert (session.terminal, session.idle, session.members, session.argument) == ("pts/0", 3, 2, "7:100")
    assert session.runs is not None
    assert session.runs.command == "sh -c x"
    six = (*SESSION[:10], "20010db8000000000000000000000007", *SESSION[11:])
    assert read_who("web1", Frame((six,))).sessions[0].address == "2001:db8::7"
    told = (*SESSION[:10], "-", "-", "\x1b[2Jdesk.example", *SESSION[13:])
    assert read_who("web1", Frame((told,))).sessions[0].address == "desk.example"


def test_a_session_is_named_by_id_terminal_or_a_user_that_has_one() -> None:
    second = ("session", "8", *SESSION[2:4], "c2", "ops", *SESSION[6:8], "pts/1", *SESSION[9:])
    sessions = read_who("web1", Frame((SESSION, second, PROCESS))).sessions
    assert find_session("web1", sessions, "5").leader == 7
    assert find_session("web1", sessions, "/dev/pts/1").leader == 8
    assert find_session("web1", sessions[:1], "ops").leader == 7
    with pytest.raises(UsageError, match="ops has 2 sessions"):
        find_session("web1", sessions, "ops")
    with pytest.raises(UsageError, match="there is no session 9"):
        find_session("web1", sessions, "9")
    for nothing in ("", "/dev/", "ops\n\x1b[2J"):
        with pytest.raises(UsageError) as raised:
            find_session("web1", [replace(sessions[0], terminal="", user="")], nothing)
        assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("at", "field"),
    [(1, "x"), (1, "9999999"), (2, "-1"), (10, "cb0071"), (10, "CB007109"), (11, "1"), (13, "many"), (15, "maybe")],
)
def test_a_session_that_is_none(at: int, field: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read_who("web1", Frame(((*SESSION[:at], field, *SESSION[at + 1 :]),)))


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (("outcome", "ended", "HUP"), KickState.ENDED),
        (("outcome", "gone", "none"), KickState.GONE),
        (("outcome", "changed", "none"), KickState.CHANGED),
        (("outcome", "alive", "KILL"), KickState.ALIVE),
        (("outcome", "denied", "KILL"), KickState.ALIVE),
        (("refused", "carries"), KickState.REFUSED),
    ],
)
def test_what_came_of_ending_a_session(line: tuple[str, ...], state: KickState) -> None:
    assert read_kick("web1", Frame((line,)), 0.1).state is state


@pytest.mark.parametrize(
    "lines", [(), (("outcome", "ended", "USR1"),), (("outcome", "so-so", "HUP"),), (("outcome", "ended", "HUP"),) * 2]
)
def test_an_outcome_that_is_none(lines: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(UnreadableAnswer):
        read_kick("web1", Frame(lines), 0.1)


CLOCK, VIEW, SAMPLE = ("clock", "100"), ("view", "whole"), ("sample", "70", "300")


def test_a_process_that_ended_while_we_looked_is_left_out() -> None:
    busy = (
        ("busy", "7", "100", "35", "2048", "R"),
        ("busy", "8", "100", "70", "1", "R"),
        ("busy", "7", "99", "9", "1", "R"),
    )
    answer = read_top("web1", Frame((CLOCK, VIEW, SAMPLE, *busy, PROCESS)))
    (process,) = answer.processes
    assert (process.pid, process.cpu, process.memory_bytes, answer.total) == (7, 0.5, 2 << 20, 300)


@pytest.mark.parametrize(
    "lines",
    [
        (VIEW, SAMPLE),
        (CLOCK, VIEW),
        (("clock", "0"), VIEW, SAMPLE),
        (CLOCK, VIEW, ("sample", "0", "3")),
        (CLOCK, VIEW, SAMPLE, ("busy", "7", "100", "x", "1", "R"), PROCESS),
        (CLOCK, VIEW, SAMPLE, ("idle", "7")),
    ],
)
def test_a_reading_that_is_none(lines: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(UnreadableAnswer):
        read_top("web1", Frame(lines))
