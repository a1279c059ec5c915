"""``orchestrator keys rotate`` as a person and a script run it."""

from __future__ import annotations

import getpass
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command import orchestrator
from tests.cli.person import Person
from tests.rotation.conftest import lets_in
from tests.sshd import Fleet, fleet


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Fleet]:
    """Two hosts, ours by the home's key, and web3 with a key of its own."""
    with fleet(tmp_path / "home") as servers:
        lines = []
        for number in (1, 2):
            server = servers.add(own_home=True)
            lines.append(f"    web{number}: {{address: {server.address}, port: {server.port}}}")
        (servers.keys / "authorized_keys").unlink()
        folder = servers.folder / "inventory"
        folder.mkdir(mode=0o755)
        apart = "    web3: {address: 127.9.9.9, key: elsewhere}"
        user = f"  vars: {{user: {getpass.getuser()}}}"
        (folder / "hosts.yml").write_text("\n".join(["all:", "  hosts:", *lines, apart, user, ""]))
        yield servers


def test_from_the_question_to_the_last_host(home: Fleet) -> None:
    path, key = home.folder, home.keys / "id_ed25519"
    before = key.read_bytes()
    refused = orchestrator(path, "keys", "rotate")
    assert (refused.status, key.read_bytes()) == (3, before)
    assert "--yes" in refused.err
    home.servers[1].stop()
    with Person(path, "keys", "rotate", "--comment", "of 2027") as person:
        person.sees("Replace our key on web[1-3]?")
        person.types("y")
        person.sees("web2: connection refused")
        person.sees("1 host done, 1 left")
        person.sees("left alone: web3")
        assert person.leaves() == 4
    assert lets_in(home.servers[0], key)
    assert (home.keys / "id_ed25519.pub").read_text().endswith(" of 2027\n")
    shown = orchestrator(path, "keys", "rotate", "--status", "--json")
    assert shown.status == 4
    assert shown.json["rotation"]["state"] == "retiring"
    assert {host["host"]: host["stage"] for host in shown.json["hosts"]} == {"web1": "done", "web2": "left"}
    assert shown.json["left_alone"] == ["web3"]
    keys = orchestrator(path, "keys", "show", "--json").json
    assert keys["rotation"] == "retiring"
    assert {Path(each["path"]).name: each["use"] for each in keys["keys"]} == {
        "id_ed25519": "logs in",
        "id_ed25519.retiring": "to go",
    }
    assert "keys rotate --status" in orchestrator(path, "keys", "show").err
    home.servers[1].start()
    again = orchestrator(path, "keys", "rotate", "--yes")
    assert again.status == 0
    assert again.out.startswith("2 hosts done, 0 left; from SHA256:")
    assert "destroyed" in again.err
    assert orchestrator(path, "keys", "rotate", "--status").out == "no rotation of our key is under way\n"
    with sqlite3.connect(path / "state" / "orchestrator.db") as database:
        query = "SELECT kind, outcome FROM audit WHERE action = 'rotate_keys' ORDER BY seq"
        rows = list(database.execute(query))
    database.close()
    assert [kind for kind, _ in rows] == ["intent", "result"] * 2
    assert '"state": "none"' in rows[-1][1]


def test_interrupted_while_a_host_hangs(home: Fleet) -> None:
    home.servers[1].signal_listener(signal.SIGSTOP)
    try:
        with Person(home.folder, "keys", "rotate", "--yes") as person:
            wait_until(lambda: "next_ed25519" in {path.name for path in home.keys.iterdir()})
            person.process.send_signal(signal.SIGINT)
            person.sees("web2: stopped")
            assert person.leaves() == 130
    finally:
        home.servers[1].signal_listener(signal.SIGCONT)
    again = orchestrator(home.folder, "keys", "rotate", "--yes", "--json")
    assert (again.status, again.json["rotation"]["state"]) == (0, "none")
    assert all(lets_in(server, home.keys / "id_ed25519") for server in home.servers)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait, up to 30 s."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_at_once(home: Fleet) -> None:
    with Person(home.folder, "keys", "rotate") as person:
        person.sees("[y/N]")
        second = orchestrator(home.folder, "keys", "rotate", "--yes")
        assert second.status == 2
        assert "our key is being replaced already" in second.err


def test_without_a_key_to_replace(home: Fleet) -> None:
    (home.keys / "id_ed25519").rename(home.keys / "id_own")
    ran = orchestrator(home.folder, "keys", "rotate", "--yes")
    assert ran.status == 2
    assert "keys of other names (id_own) are not rotated" in ran.err
