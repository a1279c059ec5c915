"""Our own keys, and who else comes in with them; ssh-keygen is the judge of fingerprints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.logins.keyfiles import keys_in
from orchestrator.logins.ours import OwnKeys, Whose, whose
from orchestrator.ssh import Succession
from orchestrator.ssh.keymaking import describe


def make(path: Path, kind: str = "ed25519") -> str:
    """A new key; its fingerprint as ssh-keygen has it."""
    subprocess.run(["ssh-keygen", "-qt", kind, "-N", "", "-C", "ann's laptop", "-f", str(path)], check=True)
    listed = subprocess.run(["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True)
    return listed.stdout.split()[1]


def read(line: str) -> list[tuple[str, str]]:
    return [(key.fingerprint, key.comment) for key in keys_in("ann", line.encode())]


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_line_of_a_key(tmp_path: Path, kind: str) -> None:
    print_ = make(tmp_path / "key", kind)
    line = (tmp_path / "key.pub").read_text()
    assert read(line) == [(print_, "ann's laptop")]
    assert read(f'from="192.0.2.0/24",command="echo a b" {line}') == [(print_, "ann's laptop")]
    assert read(" ".join(line.split()[:2])) == [(print_, "")]


@pytest.mark.parametrize(
    "line", ["", "# ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA x", "ssh-ed25519 AAA=A", "ssh-rsa", "\0"]
)
def test_what_is_no_key(line: str) -> None:
    assert read(line) == []


def test_keys_of_the_home_and_certificates_of_its_authority(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    own = make(tmp_path / "id_ed25519")
    keys = OwnKeys(tmp_path, tmp_path / "ca")
    assert keys.hold(f"ED25519 {own}", "")
    assert not keys.hold("ED25519 SHA256:other", "")
    signer = make(tmp_path / "ca" / "user_ed25519")
    assert keys.hold("ED25519-CERT SHA256:other", f"ID web1 (serial 0) CA ED25519 {signer}")
    assert not keys.hold("ED25519-CERT SHA256:other", "ID web1 (serial 0) CA ED25519 SHA256:another")
    assert not keys.hold("ED25519 SHA256:other", "")
    rotated = make(tmp_path / "id_new")
    assert keys.hold(f"ED25519 {rotated}", ""), "a key that was made since"


def test_keys_of_a_rotation_which_have_no_public_file(tmp_path: Path) -> None:
    current = make(tmp_path / "id_ed25519")
    keys = OwnKeys(tmp_path, tmp_path / "ca")
    files = Succession(tmp_path)
    files.begin("new", "a passphrase")
    coming = describe(files.new)
    assert keys.are(current)
    assert keys.are(coming.fingerprint), "hosts get it now"
    files.promote(coming.public)
    assert keys.are(coming.fingerprint)
    assert keys.hold(f"ED25519 {current}", ""), "it still opens hosts, so its use from elsewhere is an alarm"
    files.finish()
    assert not keys.are(current)


@pytest.mark.parametrize(
    ("only_ours", "used", "address", "verdict"),
    [
        (True, True, "10.0.0.1", Whose.OURS),
        (True, False, "10.0.0.1", Whose.OURS),
        (True, True, "10.0.0.2", Whose.ELSEWHERE),
        (False, True, "10.0.0.1", Whose.OURS),
        (False, True, "10.0.0.2", Whose.SOMEBODY),
        (False, False, "10.0.0.1", Whose.SOMEBODY),
    ],
)
def test_whose_a_login_is(*, only_ours: bool, used: bool, address: str, verdict: Whose) -> None:
    known = frozenset({"10.0.0.1"})
    assert whose(only_ours=only_ours, used_by_us=used, address=address, vantages=known) is verdict


def test_where_we_are_is_not_known() -> None:
    assert whose(only_ours=True, used_by_us=True, address="10.0.0.2", vantages=frozenset()) is Whose.SOMEBODY
