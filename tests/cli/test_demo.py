"""The demo, as a stranger runs it: commands on real hosts, a chart, an alert, and nothing left behind."""

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


@pytest.mark.timeout(620)
def test_without_a_terminal_it_runs_its_commands_and_an_alert_comes_and_goes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "demo"],
        env={**environment(tmp_path), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    began, first, exchange = done.stdout.split("\n\n", 2)
    for command in ("/agents", "/broadcast uname -sr", "/op_port web1", "/play hello"):
        assert command in first
        assert f"› {command}" in exchange
    assert "3 hosts bootstrapped by playbooks/bootstrap.yml, which leaves this machine alone" in began
    assert "4 hosts" in exchange
    assert "3 of 3 ok" in exchange
    assert "Linux" in exchange
    assert "listening" in exchange
    assert "hello.yml · changed 3 hosts" in exchange
    # Somebody came in with a key that is not ours; we ourselves came in all the time.
    assert re.search(r"ssh_config web2 hostname\n.*🔑 \S+ logged in to web2\n.*🔑 Logins · last: ", exchange, re.DOTALL)
    assert exchange.count("logged in to") == exchange.count("logged in to web2")
    # What the rules want to be true for a minute was; the real Prometheus and Alertmanager told it, and its end.
    alert = r"/power db1 off\n.*Memory · web.*🔴 AgentDown · db1.*/power db1 on\n.*✅ AgentDown · db1 · ended"
    assert re.search(alert, exchange, re.DOTALL)
    told = [line for line in done.stderr.splitlines() if "logins of Server are not followed" not in line]
    assert told == [], "this machine has no log of logins, perhaps, but all else is well"
    assert not list(tmp_path.iterdir())
    until_gone(tmp_path)


def until_gone(folder: Path) -> None:
    """The sshd of a session ends by itself when its connection has, a moment after us."""
    deadline = time.monotonic() + 10
    while left := subprocess.run(["pgrep", "-af", str(folder)], capture_output=True, text=True, check=False).stdout:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


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
