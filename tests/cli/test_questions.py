"""Questions on a terminal: yes does it, anything else does not."""

from __future__ import annotations

import subprocess

import pytest

from orchestrator.demo import DemoFleet
from tests.cli.command import orchestrator
from tests.cli.person import Person


def shown_by_ssh_keygen(fleet: DemoFleet, name: str) -> str:
    key = fleet.home / "hosts" / name / "host_key.pub"
    return subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout.split()[1]


@pytest.mark.parametrize(("answer", "status", "reached"), [("y", 0, 0), ("n", 3, 4), ("", 3, 4)])
def test_a_key_is_pinned_on_yes_only(fleet: DemoFleet, answer: str, status: int, reached: int) -> None:
    orchestrator(fleet.home, "keys", "forget", "web1")
    with Person(fleet.home, "keys", "trust", "web1") as person:
        shown = person.sees("[y/N]")
        assert shown_by_ssh_keygen(fleet, "web1") in shown
        person.types(answer)
        assert person.leaves() == status
    assert orchestrator(fleet.home, "exec", "web1", "--", "true").status == reached
    orchestrator(fleet.home, "keys", "trust", "web1", "--fingerprint", shown_by_ssh_keygen(fleet, "web1"))


def test_ctrl_c_at_a_question_does_nothing_and_says_130(fleet: DemoFleet) -> None:
    with Person(fleet.home, "close", "web1", str(fleet.port)) as person:
        person.sees("[y/N]")
        person.process.send_signal(2)
        assert person.leaves() == 130
    assert orchestrator(fleet.home, "ports", "web1", "--json").out.count(f'"port": {fleet.port}') == 1


def test_an_encrypted_key_is_asked_for_once(fleet: DemoFleet) -> None:
    key = fleet.home / "keys" / "id_ed25519"
    encrypt = ["ssh-keygen", "-p", "-q", "-f", str(key), "-N", "correct horse", "-P", ""]
    subprocess.run(encrypt, check=True, capture_output=True)
    try:
        with Person(fleet.home, "exec", "all", "--", "echo reached") as person:
            person.sees("Passphrase for")
            person.types("correct horse")
            assert "Passphrase" not in person.sees("reached")
            assert person.leaves() == 0
        refused = orchestrator(fleet.home, "exec", "web2", "--json", "--", "true")
        assert refused.status != 0
        assert "locked" in refused.json["hosts"][0]["detail"]
    finally:
        subprocess.run([*encrypt[:5], "-N", "", "-P", "correct horse"], check=True, capture_output=True)
