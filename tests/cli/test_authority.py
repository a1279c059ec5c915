"""``orchestrator keys ca``: made, shown, used on hosts, revoked; judged by ssh-keygen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Trust, make_authority, read_public_key
from tests.cli.command import orchestrator
from tests.cli.person import Person
from tests.sshd import fingerprint, keygen, run

PASSPHRASE = "correct horse"
HOSTS = "all:\n  hosts:\n    web1: {address: 192.0.2.1}\n    web2: {address: web2.example, port: 2222}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two hosts, of which web1's key is pinned, and an authority under a passphrase."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text(HOSTS)
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    (tmp_path / "passphrase").chmod(0o600)
    make_authority(tmp_path / "keys/ca", PASSPHRASE, Trust(tmp_path / "keys/known_hosts"))
    key = read_public_key(keygen(tmp_path / "web1_key").with_suffix(".pub"))
    Trust(tmp_path / "keys/known_hosts").pin(Host("web1", "192.0.2.1"), key)
    return tmp_path


def test_authority_is_made_encrypted_and_once(home: Path) -> None:
    shutil.rmtree(home / "keys")
    made = orchestrator(home, "keys", "ca", "init", "--passphrase-file", str(home / "passphrase"))
    assert made.status == 0
    assert made.out.startswith("cert-authority,restrict,port-forwarding ssh-ed25519 ")
    assert made.err.count(": made, vouches for ") == 2
    again = orchestrator(home, "keys", "ca", "init", "--no-passphrase")
    assert (again.status, again.out) == (2, "")
    assert "user_ed25519: is there already, and stays" in again.err
    shown = orchestrator(home, "keys", "ca", "show", "--json").json
    assert [(Path(key["path"]).name, key["encrypted"]) for key in shown["keys"]] == [
        ("user_ed25519", True),
        ("host_ed25519", True),
    ]
    assert shown["keys"][0]["fingerprint"] == fingerprint(home / "keys/ca/user_ed25519.pub")
    with pytest.raises(RuntimeError, match="incorrect passphrase"):
        run("ssh-keygen", "-y", "-P", "", "-f", str(home / "keys/ca/host_ed25519"))
    run("ssh-keygen", "-y", "-P", PASSPHRASE, "-f", str(home / "keys/ca/host_ed25519"))


def test_hosts_are_signed_by_a_person_who_knows_the_passphrase(home: Path) -> None:
    with Person(home, "keys", "ca", "sign-host", "web1", "--days", "30") as person:
        person.sees("host_ed25519: ")
        person.types(PASSPHRASE)
        person.sees("web1: signed for 192.0.2.1 until ")
        assert person.process.wait(20) == 0
    shown = run("ssh-keygen", "-L", "-f", str(home / "keys/ca/hosts/web1-cert.pub"))
    assert fingerprint(home / "web1_key.pub") in shown


def test_unknown_host_is_not_signed_and_the_others_are(home: Path) -> None:
    passphrase = {"SSH_PASSPHRASE_FILE": str(home / "passphrase")}
    ran = orchestrator(home, "keys", "ca", "sign-host", "all", "--json", **passphrase)
    assert ran.status == 4
    assert [one["host"] for one in ran.json["certificates"]] == ["web1"]
    assert ran.json["certificates"][0]["principals"] == ["192.0.2.1"]
    assert list(ran.json["problems"]) == ["web2"]
    assert "orchestrator keys trust web2" in ran.err
    asked = orchestrator(home, "keys", "ca", "revoke", "web1")
    assert (asked.status, "--yes" in asked.err) == (3, True)
    revoked = orchestrator(home, "keys", "ca", "revoke", "web1", "--yes")
    assert revoked.status == 0
    assert fingerprint(home / "web1_key.pub") in revoked.err
    shown = orchestrator(home, "keys", "ca", "show", "--json").json
    assert (shown["certificates"], shown["revoked"]) == ([], [fingerprint(home / "web1_key.pub")])
    assert run("ssh-keygen", "-F", "192.0.2.1", "-f", str(home / "keys/known_hosts")).count("REVOKED") == 1


def test_key_in_a_file_is_revoked_and_nonsense_is_not(home: Path) -> None:
    lost = keygen(home / "lost").with_suffix(".pub")
    assert orchestrator(home, "keys", "ca", "revoke", str(lost), "--yes").status == 0
    assert (home / "keys/ca/revoked_keys").read_text() == f"{read_public_key(lost).line}\n"
    refused = orchestrator(home, "keys", "ca", "revoke", str(home / "inventory/hosts.yml"), "--yes")
    assert (refused.status, "is no public key" in refused.err) == (2, True)
    assert orchestrator(home, "keys", "ca", "revoke", "nobody", "--yes").status == 2
    assert "no key of it is known" in orchestrator(home, "keys", "ca", "revoke", "web2", "--yes").err


def test_hosts_at_one_address_are_not_signed(home: Path) -> None:
    """Each could pass for the other: a certificate knows no port."""
    inventory = home / "inventory/hosts.yml"
    inventory.write_text(inventory.read_text().replace("web2.example", "192.0.2.1"))
    passphrase = {"SSH_PASSPHRASE_FILE": str(home / "passphrase")}
    ran = orchestrator(home, "keys", "ca", "sign-host", "all", "--json", **passphrase)
    assert (ran.status, ran.json["certificates"]) == (4, [])
    assert list(ran.json["problems"]) == ["web1", "web2"]
    assert "knows no port" in ran.json["problems"]["web1"]
    assert not (home / "keys/ca/hosts").exists()


def test_without_an_authority(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text(HOSTS)
    assert "keys ca init" in orchestrator(tmp_path, "keys", "ca", "show").err
    ran = orchestrator(tmp_path, "keys", "ca", "sign-host", "all")
    assert (ran.status, ran.out) == (2, "")
    assert "Make one: orchestrator keys ca init" in ran.err
