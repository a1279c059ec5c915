"""Passphrases: where they come from, what is said when none opens the key, and what needs none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh import Keys, kept_keys, passphrase_file
from tests.sshd import fingerprint, keygen, run

HOST = Host("a", "a.example")


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("content", "says"),
    [("not it\n", r"the passphrase in \S+/secret is wrong\. Put the right one"), ("\n", r"\S+/secret is empty")],
)
async def test_a_file_that_does_not_help_is_named(tmp_path: Path, content: str, says: str) -> None:
    keygen(tmp_path / "id_ed25519", passphrase="right")
    secret = written(tmp_path / "secret", content)
    with pytest.raises(KeyFileError, match=f"id_ed25519: stays locked: {says}"):
        await Keys(tmp_path, passphrase=passphrase_file(secret)).offered_to(HOST)


async def test_a_locked_key_names_every_way_to_open_it(tmp_path: Path) -> None:
    keygen(tmp_path / "id_ed25519", passphrase="right")
    for ask in (None, lambda _: None, lambda _: "wrong"):
        with pytest.raises(KeyFileError) as refusal:
            await Keys(tmp_path, passphrase=ask).offered_to(HOST)
        for way in ("terminal", "SSH_PASSPHRASE_FILE", "credential ssh-passphrase", "ssh-agent", "SSH_AGENT=yes"):
            assert way in str(refusal.value)


async def test_what_opened_one_key_is_tried_on_the_next(tmp_path: Path) -> None:
    for name in ("id_a", "id_b", "id_c"):
        keygen(tmp_path / name, passphrase="other" if name == "id_c" else "same")
    asked: list[str] = []

    def ask(path: Path) -> str:
        asked.append(path.name)
        return "other" if path.name == "id_c" else "same"

    assert len(await Keys(tmp_path, passphrase=ask).offered_to(HOST)) == 3
    assert asked == ["id_a", "id_c"]


async def test_a_key_that_is_replaced_under_the_same_passphrase_needs_no_question(tmp_path: Path) -> None:
    path = keygen(tmp_path / "id_x", passphrase="same")
    answers = ["same"]
    keys = Keys(tmp_path, passphrase=lambda _: answers.pop())
    before = await keys.public(path)
    for name in ("id_x", "id_x.pub"):
        (tmp_path / name).unlink()
    keygen(path, passphrase="same")
    assert await keys.public(path) != before
    assert await keys.passphrase_of(path) == "same"
    for name in ("id_x", "id_x.pub"):
        (tmp_path / name).unlink()
    keygen(path)
    assert await keys.passphrase_of(path) is None


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_an_encrypted_key_tells_its_public_half_without_a_pub_file(tmp_path: Path, kind: str) -> None:
    path = keygen(tmp_path / "id_x", kind=kind, passphrase="locked")
    public = path.with_name("id_x.pub")
    expected = fingerprint(public)
    public.unlink()
    (key,) = kept_keys(tmp_path)
    assert (key.fingerprint, key.encrypted, key.problem) == (expected, True, "")


def test_an_encrypted_key_that_is_cut_off(tmp_path: Path) -> None:
    path = keygen(tmp_path / "id_x", passphrase="locked")
    lines = path.read_text().splitlines()
    (tmp_path / "id_x.pub").unlink()
    path.write_text("\n".join([*lines[:2], lines[-1], ""]))
    (key,) = kept_keys(tmp_path)
    assert key.problem


def test_an_old_pem_key_that_is_encrypted(tmp_path: Path) -> None:
    path = keygen(tmp_path / "id_x", kind="rsa", passphrase="locked")
    run("ssh-keygen", "-q", "-p", "-m", "PEM", "-P", "locked", "-N", "locked", "-f", str(path))
    (tmp_path / "id_x.pub").unlink()
    (key,) = kept_keys(tmp_path)
    assert (key.encrypted, key.problem) == (True, "its .pub file is missing")
