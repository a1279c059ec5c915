"""`orchestrator doctor`: what is wrong, here and on real hosts, and what mends it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.demo import DemoFleet
from orchestrator.home import Home
from tests.cli.command import Ran, orchestrator
from tests.sshd import free_port

TOKEN = "123456:" + "A" * 35


def verdicts(told: Ran) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in told.json["findings"]:
        found.setdefault(each["subject"], []).append(each["verdict"])
    return found


def remedies(told: Ran) -> str:
    return "\n".join(each["remedy"] for each in told.json["findings"])


def test_a_fleet_that_works_but_is_not_served(fleet: DemoFleet) -> None:
    told = orchestrator(fleet.home, "doctor", "--json")
    found = verdicts(told)
    assert told.status == 0, told.out
    assert told.json["summary"]["fail"] == 0
    assert found["inventory"] == ["ok"]
    assert found["serve"] == found["telegram"] == found["prometheus"] == found["alertmanager"] == ["warn"]
    assert {"web1", "web2", "db1"} <= found.keys()
    assert "orchestrator serve" in remedies(told)
    assert "orchestrator bootstrap web1" in remedies(told), "the demo's hosts have no hostctl installed"


def test_serve_runs(fleet: DemoFleet) -> None:
    assert orchestrator(fleet.home, "login-rules", "tell", "keys", "web1").status == 0
    with Home(fleet.home).alone("serve"):
        told = orchestrator(fleet.home, "doctor", "web1", "--json")
    assert verdicts(told)["serve"] == ["ok"]
    assert verdicts(told)["prometheus"] == ["fail"], "it should run, and does not answer"
    (keys,) = [each for each in told.json["findings"] if "new keys are" in each["text"]]
    assert keys["subject"] == "web1"
    assert (keys["verdict"] == "ok") == (os.getuid() == 0), "without root one account alone is looked at"
    assert told.status == 1
    assert "web2" not in verdicts(told)


def test_a_host_that_is_away(fleet: DemoFleet, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "inventory").mkdir(parents=True)
    home.chmod(0o700)
    (home / "keys").symlink_to(fleet.home / "keys")
    text = (fleet.home / "inventory" / "hosts.yml").read_text()
    (home / "inventory" / "hosts.yml").write_text(
        f"{text}        away: {{address: 127.0.0.1, port: {free_port('127.0.0.1')}}}\n"
    )
    told = orchestrator(home, "doctor", "away")
    assert told.status == 1
    assert "✖ away: " in told.out
    assert "refused" in told.out


def test_a_token_that_telegram_cannot_be_asked_about(fleet: DemoFleet) -> None:
    given = {"BOT_TOKEN": TOKEN, "ALLOWED_USERS": "1", "TELEGRAM_API_URL": f"http://127.0.0.1:{free_port('127.0.0.1')}"}
    told = orchestrator(fleet.home, "doctor", "web1", **given)
    assert told.status == 1
    assert "✖ telegram: Telegram does not answer" in told.out
    assert TOKEN not in told.out + told.err


@pytest.mark.parametrize("left", ["next_ed25519", "id_ed25519.retiring"])
def test_a_rotation_that_was_left(fleet: DemoFleet, left: str) -> None:
    path = fleet.home / "keys" / left
    path.write_bytes((fleet.home / "keys" / "id_ed25519").read_bytes())
    path.chmod(0o600)
    try:
        told = orchestrator(fleet.home, "doctor", "web1")
    finally:
        path.unlink()
    assert "⚠ keys: a rotation is not finished" in told.out
    assert "orchestrator keys rotate" in told.out
