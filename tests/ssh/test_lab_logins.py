"""Passwords and certificates on whole hosts: OpenSSH 8.4, 9.2 and 10.0 with PAM, and stock ssh beside us."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Authority, Command, Keys, Pool, Status, Trust, make_authority
from orchestrator.ssh.authority import HOST_KEY, USER_KEY
from orchestrator.ssh.certificates import user_certificate
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.ssh.conftest import QUICK, RELEASES
from tests.sshd import keygen, run

pytestmark = pytest.mark.lab
PATIENT = replace(QUICK, connect_timeout=20.0)  # PAM takes its time to refuse a password
WHOAMI = Command("id -un")
SECRET = "lab-pässword 1"


@dataclass
class Guest:
    """An account of a lab host that no key opens yet, and the folder of our keys."""

    machine: LabHost
    host: Host
    keys: Path

    def authorize(self, lines: str) -> None:
        """Replace the account's authorized_keys."""
        home = self.machine.root / "home/guest/.ssh"
        (home / "authorized_keys").write_text(lines)

    async def login(self, host: Host, *, password: str | None = None, authority: Authority | None = None) -> str:
        """How a login ended: the method that opened, else the status."""
        trust, keys = Trust(self.keys / "known_hosts"), Keys(self.keys)
        async with Pool(
            trust=trust, keys=keys, limits=PATIENT, authority=authority, passwords=lambda _: password
        ) as pool:
            result = await pool.run(host, WHOAMI)
            method = pool.method(host)
        if result.status is not Status.OK:
            return f"{result.status} {result.detail}"
        assert result.out == "guest\n"
        return method.kind if method else "no method"

    def stock_ssh(self, *options: str) -> subprocess.CompletedProcess[str]:
        """OpenSSH's client, with our known_hosts and nothing of this machine's."""
        known = [f"UserKnownHostsFile={self.keys}/known_hosts", "GlobalKnownHostsFile=none"]
        fixed = [*known, "StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes"]
        argv = ["ssh", "-F", "none", *(word for one in fixed for word in ("-o", one)), *options]
        return subprocess.run(
            [*argv, f"guest@{self.host.address}", "id -un"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def log(self, words: str) -> list[str]:
        """Lines of the host's log of sshd with these words."""
        self.machine.run("journalctl --sync; :")
        return [
            line
            for line in self.machine.run("journalctl -o cat -t sshd -t sshd-session").stdout.splitlines()
            if words in line
        ]


@pytest.fixture(params=RELEASES)
def guest(request: pytest.FixtureRequest, lab_releases: Lab, tmp_path: Path) -> Iterator[Guest]:
    """A fresh account on a host of each release."""
    machine = next(host for host in lab_releases.hosts if host.release == request.param)
    script = (
        f"useradd -m -s /bin/sh guest && echo 'guest:{SECRET}' | chpasswd && install -d -m 700 -o guest ~guest/.ssh"
    )
    machine.run(script)
    (tmp_path / "known_hosts").write_text(f"{machine.host_key_line}\n")
    yield Guest(machine, Host(machine.name, machine.address, user="guest"), tmp_path)
    machine.run("pkill -KILL -u guest; userdel -r guest", check=False)


async def test_password(guest: Guest) -> None:
    assert await guest.login(guest.host, password=SECRET) == "password"
    guest.machine.sshd_config("PasswordAuthentication no\nChallengeResponseAuthentication yes")
    assert await guest.login(guest.host, password=SECRET) == "password"
    assert "keyboard-interactive" in guest.log("Accepted")[-1]

    guest.machine.sshd_config("PasswordAuthentication yes\nChallengeResponseAuthentication yes")
    before = len(guest.log("Failed password"))
    assert "auth_failed permission denied, the password was refused" in await guest.login(guest.host, password="no")
    assert len(guest.log("Failed password")) == before + 1, "one try, whatever methods there are"
    assert (await guest.login(guest.host)).startswith("auth_failed no usable key: ")

    guest.machine.run("chage -d 0 guest")
    told = await guest.login(guest.host, password=SECRET)
    assert told.startswith("failed"), "sshd lets it in, and its PAM ends every command"
    guest.machine.sshd_config("PasswordAuthentication no\nChallengeResponseAuthentication yes")
    told = await guest.login(guest.host, password=SECRET)
    assert told.startswith("auth_failed permission denied, after the password the server asks what we cannot answer (")


async def test_certificates(guest: Guest, tmp_path: Path) -> None:
    keys, host = guest.keys, guest.host
    trust = Trust(keys / "known_hosts")
    ca = keys / "ca"
    make_authority(ca, None, trust)
    authority = Authority(ca, Keys(keys))
    user_key = authority.public(USER_KEY)
    assert user_key is not None
    guest.authorize(f'cert-authority,restrict,port-forwarding,principals="guest" {user_key.line}\n')
    made = await authority.certify(host, trust)
    etc = guest.machine.root / "etc/ssh"
    (etc / "ssh_host_ed25519_key-cert.pub").write_text(f"{made.line}\n")
    (etc / "revoked_keys").write_text("")
    config = "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\nRevokedKeys /etc/ssh/revoked_keys"
    guest.machine.sshd_config(config)
    trust.forget(host)
    assert (keys / "known_hosts").read_text().startswith("@cert-authority * ")

    assert await guest.login(host, authority=authority) == "certificate"
    assert f"CA ED25519 {user_key.fingerprint}" in guest.log("Accepted publickey for guest")[-1]
    assert "auth_failed" in await guest.login(replace(host, vars={"bootstrap_from": "192.0.2.7"}), authority=authority)

    key, signer = keygen(tmp_path / "mine"), asyncssh.read_private_key(ca / USER_KEY)
    now = datetime.now(UTC).timestamp()
    tries: dict[str, tuple[str, list[str], float]] = {
        "good": ("guest", [], now),
        "late": ("guest", [], now - 600),
        "early": ("guest", [], now + 600),
    }
    tries |= {"other account": ("root", [], now), "other source": ("guest", ["192.0.2.7"], now)}
    opened = {}
    for name, (account, sources, moment) in tries.items():
        certificate = user_certificate(signer, asyncssh.read_private_key(key), account, sources, moment)
        (tmp_path / "mine-cert.pub").write_bytes(certificate.export_certificate())
        opened[name] = guest.stock_ssh("-i", str(key)).stdout
    assert opened == {"good": "guest\n", "late": "", "early": "", "other account": "", "other source": ""}

    public = str(etc / "ssh_host_ed25519_key.pub")
    run("ssh-keygen", "-q", "-s", f"{ca}/{HOST_KEY}", "-I", "x", "-h", "-n", host.address, "-V", "-2d:-1d", public)
    guest.machine.sshd_config(config)
    told = await guest.login(host, authority=authority)  # the host has other keys, without certificates, beside it
    assert told == "host_key_unknown host key unknown: its certificate has expired"
    assert guest.stock_ssh("-i", str(key)).returncode == 255

    authority.revoke(user_key, trust)
    (etc / "revoked_keys").write_text(authority.revoked_keys.read_text())
    (etc / "ssh_host_ed25519_key-cert.pub").write_text(f"{made.line}\n")
    guest.machine.sshd_config(config)
    assert "auth_failed" in await guest.login(host, authority=authority)
    authority.revoke(made.key, trust)
    assert "host_key_changed host key revoked" in await guest.login(host, authority=authority)
    assert "revoked" in guest.stock_ssh("-i", str(key)).stderr.lower()
