"""What goes wrong on the way: nobody is locked out, nothing is taken for done, and doing it again goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bootstrap.fleet import Fleet, at_home, prepare, troubles
from tests.cli.command import environment
from tests.cli.person import Person
from tests.lab.command import wait_until
from tests.lab.host import LabHost
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

KINDS = ("root", "amy", *("ops",) * 12)
"""Every test has hosts of its own, so that none has to be mended."""

NO_EXPORTER = "--no-exporter"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(len(KINDS), name=f"faults-{os.getpid()}") as lab:
        prepare(lab, tmp_path_factory.mktemp("prepared") / "home", KINDS)
        yield lab


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return at_home(lab, tmp_path / "home", KINDS)


def failed_passwords(host: LabHost) -> int:
    return int(host.run("journalctl --no-pager -t sshd | grep -c 'Failed password'", check=False).stdout)


def test_a_wrong_password_is_tried_once_and_never_again(fleet: Fleet) -> None:
    host = fleet.lab.hosts[0]
    (fleet.home / "password").write_text("not it\n")
    before = failed_passwords(host)
    ran = fleet.work("bootstrap", host.name, NO_EXPORTER, "--json")
    assert ran.status == 4
    assert "the password was refused" in troubles(ran)[host.name]
    assert failed_passwords(host) == before + 1
    assert "not it" not in ran.out + ran.err


def test_a_wrong_password_for_sudo_is_told_from_an_account_without_sudo(fleet: Fleet) -> None:
    host = fleet.lab.hosts[1]
    (fleet.home / "password").write_text("not it\n")
    ran = fleet.work("bootstrap", host.name, NO_EXPORTER, "--json")
    assert ran.status == 1
    assert "sudo did not accept the become password" in troubles(ran)[host.name]
    assert not (host.root / "var/lib/orchestrator").exists()
    bare = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
    assert bare.status == 1
    assert "Give -K" in troubles(bare)[host.name]


def test_no_key_is_replaced_while_it_is_given_to_hosts(fleet: Fleet) -> None:
    """Else a bootstrap could put a key in the place of its successor that the rotation has destroyed by then."""
    host = fleet.lab.hosts[5]
    rotate = ("keys", "rotate", host.name, "--yes")
    with Person(fleet.home, "keys", "rotate", host.name) as person:
        person.sees("[y/N]")
        ran = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes")
        assert (ran.status, "our key is being replaced here" in ran.err) == (2, True)
        assert not (host.root / "var/lib/orchestrator").exists()
    running = begun(fleet, host)
    running.send_signal(signal.SIGSTOP)
    ran = fleet.run(*rotate)
    running.send_signal(signal.SIGCONT)
    running.communicate(timeout=90)
    assert (ran.status, "hosts are being bootstrapped here" in ran.err) == (2, True)
    assert running.returncode == 0
    assert not (fleet.home / "keys" / "next_ed25519").exists()


def test_a_changed_host_key_is_refused(fleet: Fleet) -> None:
    host = fleet.lab.hosts[2]
    host.change_host_key()
    ran = fleet.work("bootstrap", host.name, NO_EXPORTER, "--accept-new-host-keys", "--json")
    assert ran.status == 4
    assert ran.json["hosts"][host.name]["status"] == "host_key_changed"
    assert not (host.root / "var/lib/orchestrator").exists()


def test_unknown_keys_are_shown_together_and_asked_about_once(fleet: Fleet) -> None:
    hosts = fleet.lab.hosts[3:5]
    known = fleet.home / "keys" / "known_hosts"
    known.write_text("")
    unasked = fleet.run("bootstrap", "web4,web5", NO_EXPORTER, "--yes", "--json")
    assert unasked.status == 4
    assert {host["status"] for host in unasked.json["hosts"].values()} == {"host_key_unknown"}
    looked = fleet.run("bootstrap", "web4,web5", NO_EXPORTER, "--check", "--accept-new-host-keys", "--json")
    assert looked.status == 0
    assert all(host["changed"] > 0 for host in looked.json["hosts"].values())
    assert not known.read_text()
    with Person(fleet.home, "bootstrap", "web4,web5", NO_EXPORTER) as person:
        shown = person.sees("[y/N]")
        assert all(host.fingerprint in shown for host in hosts)
        person.types("y")
        person.sees("Bootstrap 2 hosts? [y/N]")
        person.types("y")
        person.sees("says user: orchestrator, bootstrap_user: ops")
        assert person.leaves() == 0
    assert sorted(known.read_text().split()) == sorted(" ".join(host.host_key_line for host in hosts).split())


def test_a_promised_fingerprint_needs_no_question(fleet: Fleet) -> None:
    host = fleet.lab.hosts[5]
    (fleet.home / "keys" / "known_hosts").write_text("")
    fleet.run("inventory", "set", host.name, f"fingerprint={host.fingerprint}")
    assert fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes").status == 0
    assert host.public_key in (fleet.home / "keys" / "known_hosts").read_text()


def begun(fleet: Fleet, host: LabHost) -> subprocess.Popen[str]:
    """A bootstrap of `host` that has begun to put things there."""
    command = [sys.executable, "-m", "orchestrator", "bootstrap", host.name, "--yes", NO_EXPORTER, "--json"]
    running = subprocess.Popen(
        command, env=environment(fleet.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until("the first note", (host.root / "var/lib/orchestrator").exists, 90, 0.01)
    return running


def killed(_: LabHost, running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGKILL)


def unplugged(host: LabHost, _: subprocess.Popen[str]) -> None:
    host.power_off()


def interrupted(_: LabHost, running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("number", "fault", "status"),
    [(6, killed, -signal.SIGKILL), (7, unplugged, 4), (8, interrupted, 130)],
    ids=["killed", "unplugged", "interrupted"],
)
def test_broken_off_in_the_middle_it_is_continued(
    fleet: Fleet, number: int, fault: Callable[[LabHost, subprocess.Popen[str]], None], status: int
) -> None:
    host = fleet.lab.hosts[number]
    inventory = fleet.inventory
    running = begun(fleet, host)
    fault(host, running)
    out, err = running.communicate(timeout=100)
    assert running.returncode == status, out + err
    assert fleet.inventory == inventory
    if not host.is_on():
        host.boot()
    assert fleet.run("exec", host.name, "--", "id -un").out == "ops\n"
    again = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
    assert troubles(again) == {}
    assert fleet.run("exec", host.name, "--", "id -un").out == "orchestrator\n"


def test_what_lies_where_its_home_would_be_is_let_be(fleet: Fleet) -> None:
    """The account would get it, and retiring the host would remove it."""
    host = fleet.lab.hosts[13]
    host.run("mkdir /home/orchestrator; echo precious >/home/orchestrator/data")
    for _ in range(2):  # what the first one noted must not let the second one
        ran = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
        assert ran.status == 1
        assert "/home/orchestrator is there, though the account orchestrator is not" in troubles(ran)[host.name]
        assert host.run("id orchestrator", check=False).returncode
    assert host.run("stat -c '%U %a' /home/orchestrator /home/orchestrator/data").stdout == "root 755\nroot 644\n"
    host.run("rm -r /home/orchestrator")


def test_an_account_that_was_made_by_half_gets_its_home(fleet: Fleet) -> None:
    """As useradd leaves it when the power goes. Another's account is let be, and no key is put anywhere else."""
    host = fleet.lab.hosts[13]
    host.run("useradd --system --create-home --shell /bin/sh -p '*' orchestrator")
    host.run("chown root:root /home/orchestrator; chmod 0 /home/orchestrator")
    ran = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
    assert ran.status == 1
    assert "/home/orchestrator/.ssh" in troubles(ran)[host.name]
    assert host.run("find / -xdev -name 'authorized_keys.orchestrator*'").stdout == ""
    host.run("echo account orchestrator >>/var/lib/orchestrator/added")
    again = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
    assert troubles(again) == {}
    assert fleet.run("exec", host.name, "--", "id -un").out == "orchestrator\n"


def test_a_full_disk_names_the_step_and_leaves_the_way_in(fleet: Fleet) -> None:
    host = fleet.lab.hosts[9]
    host.tmpfs("/usr/local/libexec", "1m")
    host.run("head -c 1040000 /dev/zero >/usr/local/libexec/full")
    ran = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
    assert ran.status == 1
    assert "Install hostctl" in troubles(ran)[host.name]
    assert "No space left" in troubles(ran)[host.name]
    assert fleet.run("exec", host.name, "--", "id -un").out == "ops\n"
    host.run("rm /usr/local/libexec/full")
    again = fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--json")
    assert troubles(again) == {}


def test_what_a_hostile_host_says_of_itself_is_only_shown(fleet: Fleet, tmp_path: Path) -> None:
    host = fleet.lab.hosts[1]
    own = tmp_path / "owned"
    host.run("cp --remove-destination /usr/lib/os-release /etc/os-release")
    words = f"{{{{ lookup('pipe', 'touch {own}') }}}}\\033[2J\\r hosts: all"
    host.run(f'printf \'PRETTY_NAME="%b"\\n\' "{words}" >>/etc/os-release')
    ran = fleet.work("bootstrap", host.name, NO_EXPORTER, "--check")
    assert ran.status == 0, ran.out
    assert "lookup('pipe'" in ran.out
    assert "\033" not in ran.out + ran.err
    assert not own.exists()


def test_a_retired_host_can_be_forgotten_and_its_key_too(fleet: Fleet) -> None:
    host = fleet.lab.hosts[10]
    assert fleet.run("bootstrap", host.name, NO_EXPORTER, "--yes", "--account", "ops").status == 0
    assert "user: ops, bootstrap_user: ops" in fleet.inventory  # who logs in is kept
    unasked = fleet.run("retire", host.name, "--forget")
    assert unasked.status == 3
    assert (host.root / "usr/local/libexec/orchestrator/hostctl").exists()
    assert fleet.run("retire", host.name, "--forget", "--yes").status == 0
    assert host.name not in fleet.inventory
    assert host.address not in (fleet.home / "keys" / "known_hosts").read_text()


def test_a_jump_host_still_leads_to_the_host_behind_it(fleet: Fleet) -> None:
    jump, behind = fleet.lab.hosts[11:13]
    assert fleet.run("inventory", "set", behind.name, f"jump={jump.name}").status == 0
    ran = fleet.run("bootstrap", f"{jump.name},{behind.name}", NO_EXPORTER, "--yes", "--json")
    assert troubles(ran) == {}
    assert "forward" in [step["name"] for step in ran.json["hosts"][jump.name]["steps"]]
    assert fleet.run("exec", behind.name, "--", "id -un").out == "orchestrator\n"
    (jump.root / "home/orchestrator/.ssh/authorized_keys").unlink()
    assert fleet.run("exec", behind.name, "--", "id -un").status == 4  # it was the way
