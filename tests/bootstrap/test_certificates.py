"""Bootstrap with a certificate authority: hosts that need no pin, and logins that need no plain key there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.ssh import Trust, make_authority
from tests.cli.command import orchestrator
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture
def home(lab_releases: Lab, tmp_path: Path) -> Path:
    """A home with an authority that may log in to a host of each release as root, by key."""
    (tmp_path / "inventory").mkdir()
    hosts = "".join(f"    {host.name}: {{address: {host.address}, user: root}}\n" for host in lab_releases.hosts)
    (tmp_path / "inventory/hosts.yml").write_text(f"all:\n  hosts:\n{hosts}")
    known = tmp_path / "keys/known_hosts"
    make_authority(tmp_path / "keys/ca", None, Trust(known))
    known.write_text(known.read_text() + lab_releases.known_hosts())
    known.chmod(0o600)
    (tmp_path / "keys").chmod(0o700)
    for end in ("", ".pub"):
        shutil.copy(f"{lab_releases.key}{end}", tmp_path / "keys" / f"id_ed25519{end}")
    return tmp_path


def test_hosts_and_logins_are_vouched_for(home: Path, lab_releases: Lab) -> None:
    names = [host.name for host in lab_releases.hosts]
    known = home / "keys/known_hosts"
    authority = known.read_text().splitlines()[0]

    checked = orchestrator(home, "bootstrap", "all", "--yes", "--no-exporter", "--check", "--json")
    assert checked.status == 0, [host["detail"] for host in checked.json["hosts"].values()]
    assert not (home / "keys/ca/hosts").exists()
    done = orchestrator(home, "bootstrap", "all", "--yes", "--no-exporter", "--json")
    assert done.status == 0, [host["detail"] for host in done.json["hosts"].values()]
    assert all(done.json["hosts"][name]["changed"] > 0 for name in names)
    known.write_text(f"{authority}\n")
    again = orchestrator(home, "bootstrap", "all", "--yes", "--no-exporter", "--json")
    assert again.status == 0, [host["detail"] for host in again.json["hosts"].values()]
    assert {name: again.json["hosts"][name]["changed"] for name in names} == dict.fromkeys(names, 0)

    for host in lab_releases.hosts:
        host.run("sed -i '/^restrict/d' /home/orchestrator/.ssh/authorized_keys")
    ran = orchestrator(home, "exec", "all", "--json", "--", "id -un")
    assert [one["stdout"] for one in ran.json["hosts"]] == ["orchestrator\n"] * len(names), ran.err

    gone = orchestrator(home, "retire", "all", "--yes", "--json")
    assert gone.status == 0, [host["detail"] for host in gone.json["hosts"].values()]
    for host in lab_releases.hosts:
        assert not host.run("grep -r orchestrator /etc/ssh", check=False).stdout
    ran = orchestrator(home, "exec", "all", "--json", "--", "true")
    assert {one["status"] for one in ran.json["hosts"]} == {"ok"}, "each is pinned instead, and root's key still opens"
    assert len(known.read_text().splitlines()) == 1 + len(names)
