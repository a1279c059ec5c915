"""Bootstrap with a certificate authority: hosts that need no pin, and logins that need no plain key there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.fleet.hostctl import INSTALLED
from orchestrator.logins.keyfiles import ALL, AccountKey, Looks
from orchestrator.logins.ours import OwnKeys
from orchestrator.ssh import Trust, make_authority
from tests.cli.command import orchestrator
from tests.lab.host import LabHost
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


def keys_of(host: LabHost) -> tuple[AccountKey, ...]:
    """All keys that its hostctl sees."""
    (seen,) = Looks().feed(host.run(f"{INSTALLED} follow keys none now | sed '/^looked/q'").stdout.encode())
    assert seen.scope == ALL
    return seen.keys


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
    ours = OwnKeys(home / "keys", home / "keys/ca")
    for host in lab_releases.hosts:
        given = [key for key in keys_of(host) if key.user == "orchestrator"]
        assert [key.authority for key in given] == [False, True]
        assert all(ours.are(key.fingerprint) for key in given), "who watches for new keys does not tell of it"
    known.write_text(f"{authority}\n")
    again = orchestrator(home, "bootstrap", "all", "--yes", "--no-exporter", "--json")
    assert again.status == 0, [host["detail"] for host in again.json["hosts"].values()]
    assert {name: again.json["hosts"][name]["changed"] for name in names} == dict.fromkeys(names, 0)

    # A host that an older program of ours bootstrapped is asked without root, which must not look as if all were seen.
    lab_releases.hosts[0].run(f"echo '# of another version' >>{INSTALLED}")
    assert orchestrator(home, "login-rules", "tell", "keys").status == 0
    found = orchestrator(home, "doctor", "all", "--json").json["findings"]
    lab_releases.hosts[0].run(f"sed -i '$d' {INSTALLED}")
    told = {name: [each["text"] for each in found if each["subject"] == name] for name in names}
    assert "has the hostctl of another version, so it is asked without root" in told[names[0]]
    assert "Run: orchestrator bootstrap web1" in [each["remedy"] for each in found]
    blind = "new keys are not noticed: only the keys of orchestrator are looked at; bootstrap the host"
    assert [blind in told[name] for name in names] == [True, False, False]
    assert ["new keys are noticed" in told[name] for name in names] == [False, True, True]

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


# What a busy machine was seen to do: the listener ends where it should start itself anew, with the status after which
# the unit does not start it; once.
_ENDS_INSTEAD = """[Service]
ExecReload=
ExecReload=/bin/sh -c 'test -e /run/ended && exec kill -HUP $MAINPID; >/run/ended; kill -QUIT $MAINPID; {then}'
"""


@pytest.mark.parametrize("then", ["sleep 2; exit 1", "exit 0"], ids=["the reload fails", "the reload is told as well"])
def test_an_sshd_that_ends_instead_of_reading_its_settings_is_started(home: Path, lab_releases: Lab, then: str) -> None:
    host = lab_releases.hosts[2]
    drop_in = host.root / "etc/systemd/system/ssh.service.d/ends.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(_ENDS_INSTEAD.format(then=then))
    host.run("systemctl daemon-reload")
    try:
        for verb in ("bootstrap", "retire"):
            without = ["--no-exporter"] if verb == "bootstrap" else []
            done = orchestrator(home, verb, host.name, "--yes", "--json", *without)
            assert done.status == 0, done.json["hosts"][host.name]["detail"]
            host.run("rm /run/ended")  # it did end
            assert orchestrator(home, "exec", host.name, "--", "true").status == 0
    finally:
        drop_in.unlink()
        host.run("systemctl daemon-reload; rm -f /run/ended; systemctl start ssh")
