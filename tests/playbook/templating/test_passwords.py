"""Hashes of passwords, judged by openssl and bcrypt; passwords kept in files."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import bcrypt
import pytest

from orchestrator.playbook.templating import TemplateFault
from orchestrator.playbook.templating.passwords import hash_password
from tests.playbook.templating.conftest import templar, template


@pytest.mark.parametrize("password", ["x", "geheim", "grüße", "a" * 63, "a" * 64, "a" * 65, "p w'\"$" * 30])
@pytest.mark.parametrize(("scheme", "flag"), [("sha512", "-6"), ("sha256", "-5")])
@pytest.mark.parametrize("salt", ["a", "saltsalt", "./0123456789ABCD"])
def test_openssl_makes_the_same_hashes(password: str, scheme: str, flag: str, salt: str) -> None:
    command = ["openssl", "passwd", flag, "-salt", salt, "-stdin"]
    theirs = subprocess.run(command, input=password + "\n", capture_output=True, text=True, check=True).stdout.strip()
    assert hash_password(password, scheme, salt=salt, rounds=5000) == theirs


def test_rounds_are_ansibles() -> None:
    command = ["openssl", "passwd", "-6", "-salt", "rounds=656000$abcdefgh", "geheim"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert hash_password("geheim", salt="abcdefgh") == theirs


def test_bcrypt_hashes_are_good() -> None:
    hashed = hash_password("geheim", "blowfish", salt="abcdefghijklmnopqrstuu", rounds=4)
    assert hashed.startswith("$2b$04$")
    assert bcrypt.checkpw(b"geheim", hashed.encode())
    assert hash_password("geheim", "bcrypt", rounds=4, ident="2y").startswith("$2y$04$")


def test_salts_differ_unless_given() -> None:
    assert hash_password("x", rounds=1000) != hash_password("x", rounds=1000)


@pytest.mark.parametrize(
    "call",
    ["'des'", "'sha512', salt='ä'", "'sha512', salt='a:b'", "rounds=10", "rounds=10**9", "'blowfish', salt='short'"],
)
def test_what_crypt_does_not_take_is_refused(call: str) -> None:
    with pytest.raises(TemplateFault, match="password_hash"):
        templar().render(template(f"{{{{ 'x' | password_hash({call}) }}}}"))


def test_a_password_is_made_once_and_kept(folder: Path) -> None:
    ours = templar(folder)
    made = ours.render(template("{{ lookup('password', 'keys/app length=12 chars=ascii_letters,digits') }}"))
    assert len(made) == 12
    assert made.isalnum()
    path = folder / "keys/app"
    assert path.read_text(encoding="utf-8") == f"{made}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["app"]
    assert ours.render(template("{{ lookup('password', 'keys/app') }}")) == made
    hashed = ours.render(template("{{ lookup('password', 'keys/app', encrypt='sha256_crypt') }}"))
    assert hashed == ours.render(template("{{ lookup('password', 'keys/app', encrypt='sha256_crypt') }}"))
    assert path.read_text(encoding="utf-8").startswith(f"{made} salt=")
    assert ours.render(template("{{ lookup('password', 'keys/app') }}")) == made


def test_passwords_of_a_seed_are_ansibles(folder: Path) -> None:
    call = "lookup('password', '/dev/null', seed='web1', length=10)"
    assert templar(folder).render(template(f"{{{{ {call} }}}}")) == templar(folder).render(
        template(f"{{{{ {call} }}}}")
    )
    assert not (folder / "null").exists()
