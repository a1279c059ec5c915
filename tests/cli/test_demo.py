"""The demo, as a stranger runs it: it shows three commands, serves them on real hosts, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.command import environment
from tests.cli.person import Person
from tests.telegram.emulator import ANN, Telegram


def test_without_a_terminal_it_runs_its_commands_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "demo"],
        env={**environment(tmp_path), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    first, _, exchange = done.stdout.partition("\n\n")
    for command in ("/agents", "/broadcast uname -sr", "/op_port web1", "/play hello"):
        assert command in first
        assert f"› {command}" in exchange
    assert "3 hosts bootstrapped by playbooks/bootstrap.yml, without root" in exchange
    assert "Left out are an account of our own, the sudo rule and the installed hostctl" in exchange
    assert "4 hosts" in exchange
    assert "3 of 3 ok" in exchange
    assert "Linux" in exchange
    assert "listening" in exchange
    assert "hello.yml · changed 3 hosts" in exchange
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_on_a_terminal_a_person_chats_and_closes_a_port(tmp_path: Path) -> None:
    with Person(tmp_path, "demo", TMPDIR=str(tmp_path)) as person:
        port = person.sees("›").partition("listens on ")[2].partition(":")[0]
        person.types("/agents")
        person.sees("db1")
        person.types(f"/op_stop web1 {port}")
        person.types(re.findall(r"\[(\d+)\] *$", person.sees("Close it"))[-1])
        person.sees("is free")
        person.sees("›")
        person.presses(b"\x04")
        assert person.leaves() == 0
    assert not list(tmp_path.iterdir())


async def test_with_a_token_it_serves_telegram_too(tmp_path: Path) -> None:
    async with Telegram() as tg:
        with Person(tmp_path, "demo", BOT_TOKEN=tg.token, ALLOWED_USERS=str(ANN.id), TELEGRAM_API_URL=tg.url) as person:
            await tg.say(ANN, "/op_exec web1 echo from the phone")
            await tg.expect(lambda message: "from the phone" in message.text and "✔" in message.text, within=40)
            person.presses(b"\x04")
            assert person.leaves() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_ended_while_its_hosts_start_it_leaves_nothing(tmp_path: Path, number: int) -> None:
    with Person(tmp_path, "demo", TMPDIR=str(tmp_path)) as person:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("orchestrator-demo-*/hosts/web1/log")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        person.process.send_signal(number)
        assert person.leaves() == 130
    assert not list(tmp_path.iterdir())
    assert subprocess.run(["pgrep", "-f", str(tmp_path)], stdout=subprocess.DEVNULL, check=False).returncode == 1


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    with Person(tmp_path, "demo", TMPDIR=str(tmp_path)) as person:
        person.sees("listens on")
        person.process.send_signal(signal.SIGHUP)
        assert person.leaves() == 130
    assert not list(tmp_path.iterdir())
