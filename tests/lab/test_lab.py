"""The lab itself: each fault does what it says, and undone it is as if it had not been."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import Lab, LabError, LabHost, processes
from tests.lab.command import wait_until

pytestmark = pytest.mark.lab


def ssh(lab: Lab, host: LabHost, *words: str, user: str = "root", key: Path | None = None) -> list[str]:
    """Command line of the stock client, trusting exactly what the lab says."""
    known_hosts = lab.folder / "test_known_hosts"
    known_hosts.write_text(lab.known_hosts())
    options = [
        f"UserKnownHostsFile={known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "ConnectTimeout=5",
    ]
    flags = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "none", "-i", str(key or lab.key), *flags, f"{user}@{host.address}", *words]


def answer(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)


def connect(host: LabHost, timeout: float = 1) -> socket.socket:
    return socket.create_connection((host.address, host.port), timeout=timeout)


def banner(link: socket.socket, timeout: float = 1) -> bytes:
    link.settimeout(timeout)
    return link.recv(4)


def answers(host: LabHost) -> bool:
    with connect(host) as link:
        return banner(link) == b"SSH-"


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return lab.hosts[0]


@pytest.fixture
def other(lab: Lab) -> LabHost:
    return lab.hosts[1]


def test_every_release_boots_without_a_failed_unit(lab_releases: Lab) -> None:
    for host in lab_releases.hosts:
        state = host.run("systemctl is-system-running --wait; systemctl --failed --no-legend", check=False).stdout
        assert state.split() == ["running"], host
        assert f"VERSION_CODENAME={host.release}" in host.run("cat /etc/os-release").stdout
        tools = "python3 nft sudo ps fuser ss rsyslogd curl lsof busybox"
        assert len(host.run(f"for tool in {tools}; do command -v $tool; done").stdout.split()) == len(tools.split())


@pytest.mark.parametrize("user", ["root", "ops"])
def test_accepts_its_key_and_no_other(lab_releases: Lab, user: str) -> None:
    for host in lab_releases.hosts:
        done = answer(ssh(lab_releases, host, "id -un; sudo -n id -u; hostname", user=user))
        assert done.stdout.split() == [user, "0", host.name], done.stderr
        refused = answer(ssh(lab_releases, host, "id", user=user, key=lab_releases.wrong_key))
        assert refused.returncode == 255
        assert "Permission denied" in refused.stderr


def test_a_service_with_children_stops_at_once(host: LabHost, other: LabHost) -> None:
    """Hosts that shared a control group would wait for each other's processes until the stop timeout."""
    for each in (host, other):
        each.run("systemd-run --unit=twins sh -c 'sleep 1000 & sleep 1000'")
    host.run("systemctl stop twins", timeout=4)
    assert other.run("systemctl is-active twins").stdout.strip() == "active"
    other.run("systemctl stop twins", timeout=4)


def test_run_reports_and_chooses_the_user(host: LabHost) -> None:
    assert host.run("id -un; pwd; sudo -n id -un", user="ops").stdout.split() == ["ops", "/home/ops", "root"]
    assert host.run("exit 3", check=False).returncode == 3
    with pytest.raises(LabError, match="web1.*status 3.*no luck"):
        host.run("echo no luck >&2; exit 3")
    with pytest.raises(LabError, match=r"did not end within 0\.2 s"):
        host.run("trap '' TERM; sleep 1234", timeout=0.2)
    assert host.run("pgrep -f 'sleep 123[4]'", check=False).stdout == ""


def test_hosts_reach_each_other_and_nothing_else(host: LabHost, other: LabHost) -> None:
    reached = host.run(f"timeout 5 bash -c 'read -n 4 x </dev/tcp/{other.name}/22; echo $x'").stdout
    assert reached.strip() == "SSH-"
    assert "default" not in host.run("ip route").stdout


def test_a_cut_host_is_unreachable_until_joined(host: LabHost, other: LabHost) -> None:
    host.cut()
    with pytest.raises(OSError, match="timed out|No route"):
        connect(host)
    assert answers(other)
    host.join()
    host.wait_ssh(10)


def test_a_dropped_link_keeps_its_connections_in_the_dark(lab: Lab, host: LabHost) -> None:
    argv = ssh(lab, host, "read line; echo got $line")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        wait_until("session", lambda: host.run("pgrep -c -x sshd", check=False).stdout.strip() > "1", 10)
        host.drop()
        with pytest.raises(TimeoutError):
            connect(host)
        assert session.poll() is None
        host.undrop()
        assert session.communicate("hello\n", timeout=30)[0] == "got hello\n"


def test_loss_is_as_much_as_asked(host: LabHost) -> None:
    def received() -> int:
        """UDP datagrams that came in for a port nobody listens on (RFC 4113, udpNoPorts)."""
        return int(host.run("grep '^Udp: [0-9]' /proc/net/snmp").stdout.split()[2])

    before = received()
    host.loss(50)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(400):
            sender.sendto(b"x", (host.address, 9000 + number))
    assert 120 < received() - before < 280  # 200, eight standard deviations either way
    host.undrop()
    host.wait_ssh(5)


def test_reset_ends_connections_loudly(host: LabHost) -> None:
    with connect(host) as link:
        assert banner(link) == b"SSH-"
        host.reset()
        with pytest.raises(ConnectionError):
            while True:  # the first write draws the reset, a later call reports it
                link.sendall(b"SSH-2.0-lab\r\n")
                link.recv(1000)
    with pytest.raises(ConnectionRefusedError):
        connect(host)


def test_a_frozen_host_accepts_but_says_nothing(lab: Lab, host: LabHost, other: LabHost) -> None:
    with subprocess.Popen(ssh(lab, host, "sleep 1000"), stdin=subprocess.DEVNULL) as session:
        wait_until("session", lambda: host.run("pgrep -x sleep", check=False).stdout, 10)
        host.freeze()
        states = host.run("ps -C sshd -o stat=").stdout.split()
        assert len(states) >= 2
        assert all(state.startswith("T") for state in states)
        with connect(host) as link:
            with pytest.raises(TimeoutError):
                banner(link, 0.3)
            assert answers(other)
            host.thaw()
            assert banner(link, 10) == b"SSH-"
        session.terminate()


def test_kill_sessions_spares_the_listener(lab_releases: Lab) -> None:
    for host in lab_releases.hosts:
        argv = ssh(lab_releases, host, "sleep 1000", user="ops")
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as session:
            wait_until("session", lambda host=host: host.run("pgrep -x sleep", check=False).stdout, 10)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            listener = host.run("systemctl show -p MainPID --value ssh").stdout
            host.kill_sessions()
            assert session.wait(timeout=10) == 255
        assert host.run("systemctl show -p MainPID --value ssh").stdout == listener
        assert answer(ssh(lab_releases, host, "echo", "in")).stdout == "in\n"


def test_power_off_is_sudden_and_the_disk_stays(lab: Lab, host: LabHost) -> None:
    host.run("echo kept >/root/kept; echo gone >/run/gone; sync")
    with subprocess.Popen(ssh(lab, host, "sleep 1000"), stdin=subprocess.DEVNULL) as session:
        wait_until("session", lambda: host.run("pgrep -x sleep", check=False).stdout, 10)
        host.power_off()
        assert not host.is_on()
        with pytest.raises(OSError, match=r"timed out|No route|refused"):
            connect(host)
        with pytest.raises(LabError, match="is off"):
            host.run("true")
        session.kill()
    host.boot()
    assert host.run("cat /root/kept; ls /run/gone", check=False).stdout == "kept\n"


@pytest.mark.parametrize("by", ["lab", "operator"])
def test_a_reboot_comes_back(lab: Lab, host: LabHost, by: str) -> None:
    before = host.leader
    host.run("echo gone >/run/gone")
    if by == "lab":
        host.reboot()
    else:
        answer(ssh(lab, host, "sudo systemctl reboot", user="ops"))
        host.wait_ssh()
    assert host.leader != before
    assert host.run("ls /run/gone", check=False).returncode != 0


def test_a_changed_host_key_is_what_the_network_shows(lab: Lab, host: LabHost) -> None:
    outdated, fingerprint = ssh(lab, host, "true"), host.fingerprint
    outdated[outdated.index("BatchMode=yes")] = "StrictHostKeyChecking=yes"
    old = lab.folder / "old_known_hosts"
    old.write_text(lab.known_hosts())
    host.change_host_key()
    assert host.fingerprint != fingerprint
    warned = answer([word.replace("test_known_hosts", old.name) for word in outdated])
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in warned.stderr
    assert answer(ssh(lab, host, "echo in")).stdout == "in\n"
    scanned = answer(["ssh-keyscan", "-t", "ed25519", host.address]).stdout
    assert scanned.strip() == host.host_key_line


def test_sshd_config_wins_over_the_distribution(host: LabHost) -> None:
    for sessions in range(1, 8):  # more restarts than systemd's start limit would allow
        host.sshd_config(f"MaxSessions {sessions}")
        assert f"maxsessions {sessions}\n" in host.run("sshd -T").stdout
    with pytest.raises(LabError, match="NoSuchKeyword"):
        host.sshd_config("NoSuchKeyword yes")
    host.sshd_config("")
    assert "maxsessions 10\n" in host.run("sshd -T").stdout


def test_a_small_disk_fills_up(host: LabHost) -> None:
    host.tmpfs("/srv/small disk", "64k")
    assert "No space left" in host.run("cat /dev/zero >'/srv/small disk/file'", check=False).stderr


def test_heal_undoes_everything_at_once(host: LabHost) -> None:
    host.sshd_config("MaxSessions 1")
    host.tmpfs("/srv/a", "64k")
    host.tmpfs("/srv/a/b", "64k")
    host.freeze()
    host.drop()
    host.cut()
    host.heal()
    assert answers(host)
    assert "lab-tmpfs" not in host.run("cat /proc/mounts").stdout
    assert "maxsessions 10\n" in host.run("sshd -T").stdout
    host.power_off()
    host.heal()
    assert answers(host)


def test_ansible_reads_the_inventory(lab: Lab, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(lab.inventory_yaml())
    program = Path(sys.executable).with_name("ansible-inventory")
    listed = json.loads(answer([str(program), "-i", str(inventory), "--list"]).stdout)
    assert listed["web"]["hosts"] == [host.name for host in lab.hosts]
    addresses = [values["ansible_host"] for values in listed["_meta"]["hostvars"].values()]
    assert addresses == [host.address for host in lab.hosts]


def test_processes_of_one_host_are_not_another_s(host: LabHost, other: LabHost) -> None:
    host.run("systemd-run --unit=alone sleep 4321")
    found = processes.of_program("/usr/bin/sleep", "4321")
    assert len(found) == 1
    assert found[0] in processes.beside(host.leader)
    assert found[0] not in processes.beside(other.leader)
    host.run("systemctl stop alone")
