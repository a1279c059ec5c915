"""``orchestrator keys init`` and ``keys show``, judged by OpenSSH's own ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.command import orchestrator
from tests.cli.person import Person

PASSPHRASE = "correct horse"


def public_half(path: Path, passphrase: str) -> str | None:
    done = subprocess.run(
        ["ssh-keygen", "-y", "-P", passphrase, "-f", str(path)], capture_output=True, text=True, check=False
    )
    return " ".join(done.stdout.split()[:2]) if done.returncode == 0 else None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    return tmp_path


def test_the_passphrase_is_asked_for_twice_and_unseen(home: Path) -> None:
    with Person(home, "keys", "init") as person:
        person.sees("New passphrase: ")
        person.types("short")
        person.sees("At least 8 characters")
        person.sees("New passphrase: ")
        person.types(PASSPHRASE)
        person.sees("Once more: ")
        person.types("another one")
        person.sees("They differ")
        person.sees("New passphrase: ")
        person.types(PASSPHRASE)
        person.sees("Once more: ")
        person.types(PASSPHRASE)
        shown = person.sees("ssh-ed25519 ")
        assert person.process.wait(20) == 0
        assert PASSPHRASE not in shown
    assert public_half(home / "keys" / "id_ed25519", PASSPHRASE) is not None
    assert public_half(home / "keys" / "id_ed25519", "") is None


def test_a_key_from_a_passphrase_file_is_private_and_named(home: Path) -> None:
    (home / "pass").write_text(PASSPHRASE + "\n")
    (home / "pass").chmod(0o600)
    ran = orchestrator(home, "keys", "init", "--passphrase-file", str(home / "pass"), "--comment", "control of x")
    assert ran.status == 0
    path = home / "keys" / "id_ed25519"
    assert ran.out.startswith(public_half(path, PASSPHRASE) or "none")
    assert ran.out.endswith(" control of x\n")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    key = orchestrator(home, "keys", "show", "--json").json["keys"][0]
    assert (key["algorithm"], key["encrypted"], key["comment"]) == ("ssh-ed25519", True, "control of x")
    said = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True).stdout
    assert key["fingerprint"] in said


def test_an_unencrypted_key_must_be_asked_for_and_is_called_so(home: Path) -> None:
    refused = orchestrator(home, "keys", "init")
    assert (refused.status, (home / "keys").exists()) == (3, False)
    assert "--passphrase-file" in refused.err
    ran = orchestrator(home, "keys", "init", "--no-passphrase")
    assert ran.status == 0
    assert "NOT encrypted" in ran.err
    assert public_half(home / "keys" / "id_ed25519", "") is not None
    assert "NOT encrypted" in orchestrator(home, "keys", "show").out


def test_a_key_is_never_overwritten(home: Path) -> None:
    orchestrator(home, "keys", "init", "--no-passphrase")
    before = (home / "keys" / "id_ed25519").read_bytes()
    ran = orchestrator(home, "keys", "init", "--no-passphrase")
    assert ran.status == 2
    assert "is there already, and stays" in ran.err
    assert (home / "keys" / "id_ed25519").read_bytes() == before


def test_an_open_passphrase_file_is_refused(home: Path) -> None:
    (home / "pass").write_text(PASSPHRASE + "\n")
    (home / "pass").chmod(0o644)
    ran = orchestrator(home, "keys", "init", "--passphrase-file", str(home / "pass"))
    assert ran.status == 2
    assert "chmod 600" in ran.err


def test_without_a_key_show_says_how_to_make_one(home: Path) -> None:
    ran = orchestrator(home, "keys", "show")
    assert (ran.status, ran.out) == (0, "")
    assert "orchestrator keys init" in ran.err
