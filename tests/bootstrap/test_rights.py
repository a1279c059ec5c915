"""What the account that bootstrap made may do on a host, and what it may not, over the stock ssh client and sudo."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.fleet import BlockState, CloseState, Fleet, KickState, parse_network
from orchestrator.fleet.hostctl import INSTALLED, HostCtl, read_frame
from orchestrator.inventory.model import Host
from orchestrator.ssh import Keys, Pool, Trust
from tests.bootstrap.playing import PLAYBOOKS, make_home, ssh, troubles
from tests.conformance.ours import Ours
from tests.fleet.processes import SshRun, until
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.lab.tree import RELEASES

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

PORT = 8080


@dataclass(frozen=True)
class Managed:
    """A bootstrapped host and the home that has its key."""

    machine: LabHost
    home: Path

    @property
    def host(self) -> Host:
        return Host(self.machine.name, self.machine.address)

    def run(self) -> SshRun:
        """Commands as the account, as `Fleet` takes them."""
        options = ["IdentitiesOnly=yes", f"UserKnownHostsFile={self.home / 'keys/known_hosts'}", "LogLevel=ERROR"]
        key = str(self.home / "keys/id_ed25519")
        flags = [word for option in options for word in ("-o", option)]
        return SshRun(["ssh", "-F", "none", "-i", key, *flags, f"orchestrator@{self.machine.address}"])

    def says(self, script: str) -> str:
        """What a shell program prints on both outputs, run as the account."""
        done = ssh(self.home, self.machine, "/bin/sh", stdin=f"{script}\n")
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def lab_of_managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Path]]:
    with Lab(len(RELEASES), release=RELEASES, name=f"rights-{os.getpid()}") as lab:
        home = make_home(lab, tmp_path_factory.mktemp("home"))
        run = Ours(home).play(PLAYBOOKS / "bootstrap.yml", [])
        assert troubles(run) == []
        yield lab, home


@pytest.fixture(params=RELEASES)
def managed(request: pytest.FixtureRequest, lab_of_managed: tuple[Lab, Path]) -> Managed:
    lab, home = lab_of_managed
    return Managed(lab.hosts[RELEASES.index(request.param)], home)


async def test_it_sees_and_closes_a_port_of_root(managed: Managed) -> None:
    fleet = Fleet(managed.run())
    managed.machine.run(f"systemd-run --quiet --collect --unit=lab-web python3 -m http.server {PORT} --bind 127.0.0.1")
    until(lambda: f":{PORT} " in managed.machine.run("ss -Htln").stdout)
    inspection = await fleet.inspect(managed.host, PORT)
    (target,) = inspection.targets
    assert (target.process.user, target.process.unit, inspection.ports[0].ownership) == (
        "root",
        "lab-web.service",
        "known",
    )
    outcome = await fleet.close(managed.host, inspection.targets)
    assert outcome.state is CloseState.CLOSED, outcome
    ours = await fleet.inspect(managed.host, 22)
    assert (await fleet.close(managed.host, ours.targets)).state is CloseState.REFUSED


async def test_it_sees_who_is_on_and_blocks_addresses_but_not_its_own(managed: Managed) -> None:
    fleet = Fleet(managed.run())
    (answer,) = [answer async for answer in fleet.who([managed.host])]
    (ours,) = [session for session in answer.sessions if session.user == "orchestrator"]
    assert (ours.ours, answer.partial) == ("it carries this request", False)
    for address, state in ((ours.address, BlockState.REFUSED), ("203.0.113.9", BlockState.DONE)):
        (outcome,) = [each async for each in fleet.block([managed.host], parse_network(address), 60)]
        assert outcome.state is state, outcome
    assert "203.0.113.9 timeout 1m" in managed.machine.run("nft list ruleset").stdout
    (lifted,) = [each async for each in fleet.unblock([managed.host], parse_network("203.0.113.9"))]
    assert lifted.state is BlockState.DONE
    assert "orchestrator" not in managed.machine.run("nft list ruleset").stdout
    assert (await fleet.kick(managed.host, ours)).state is KickState.GONE  # it was another connection


async def test_hostctl_from_standard_input_serves_where_the_installed_one_does_not(managed: Managed) -> None:
    packaged, other = HostCtl.packaged(), HostCtl(HostCtl.packaged().command("version").stdin + b"\n")
    users = {}
    for name, hostctl in (("same", packaged), ("older", other)):
        result = await managed.run()(managed.host, hostctl.command("version"))
        users[name] = next(iter(read_frame(result, "version").of("user", 1)))[0]
    managed.machine.run("mv /etc/sudoers.d/orchestrator /root/rule")
    try:
        result = await managed.run()(managed.host, packaged.command("version"))
    finally:
        managed.machine.run("mv /root/rule /etc/sudoers.d/orchestrator")
    users["refused"] = next(iter(read_frame(result, "version").of("user", 1)))[0]
    own = managed.says("id -u").strip()
    assert users == {"same": "0", "older": own, "refused": own}


async def test_it_follows_the_log_as_root_and_nothing_of_that_stays(managed: Managed, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text((managed.home / "keys/known_hosts").read_text())
    key = str(managed.home / "keys/id_ed25519")
    host = Host(managed.machine.name, managed.machine.address, user="orchestrator", key=key)
    managed.machine.run("sed -i.kept s/command_timeout=3m/command_timeout=1s/ /etc/sudoers.d/orchestrator")
    running = "ps -eo user,args | grep -c '^root .*[j]ournalctl --follow' || true"
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path)) as pool:
        async with pool.follow(host, HostCtl.packaged().follow("auto", "none", "now")) as flow:
            said = b""
            while b"from\t" not in said:
                said += await flow.read(10)
            assert said.startswith(b"hostctl\t1\tfollow\nsource\tjournal\n")
            until(lambda: managed.machine.run(running).stdout.strip() == "1")
            managed.machine.run("logger -t sshd -p authpriv.info 'Invalid user x from 192.0.2.1 port 5'")
            while b"Invalid user x" not in said:
                said += await flow.read(10)
            (sudo,) = managed.machine.run("pgrep -x sudo").stdout.split()
            managed.machine.run("sleep 2.5")  # longer than sudo lets other requests run now
            assert managed.machine.run("pgrep -x sudo").stdout.split() == [sudo]
        until(lambda: managed.machine.run(running).stdout.strip() == "0", 20)
    until(lambda: managed.machine.run("pgrep -x sudo", check=False).stdout == "", 20)
    managed.machine.run("cd /etc/sudoers.d && mv orchestrator.kept orchestrator")


NOT_ALLOWED = [
    "sudo -n id",
    "sudo -n -i",
    "sudo -n -u daemon id",
    "sudo -n /bin/sh -c id",
    f"sudo -n {INSTALLED}",
    f"sudo -n {INSTALLED} version",
    f"sudo -n {INSTALLED} request version",
    f"sudo -n {INSTALLED} 'request '",
    f"sudo -n {INSTALLED} follow auto none now",
    f"sudo -n /bin/sh {INSTALLED} request",
    f"sudo -n {INSTALLED}/../hostctl request",
    f"sudo -n -E {INSTALLED} request",
    f"sudo -n -R / {INSTALLED} request",
    f"sudo -n -D /tmp {INSTALLED} request",
    f"sudo -n PATH=/tmp {INSTALLED} request",
    f"sudo -n LD_PRELOAD=/tmp/x.so {INSTALLED} request",
    f"sudo -n BASH_ENV=/tmp/x {INSTALLED} request",
    f"ln -sfn {INSTALLED} /tmp/link && sudo -n /tmp/link request",
    "ln -sfn /bin/sh /tmp/hostctl && cd /tmp && sudo -n ./hostctl request",
    f"sudo -n -e {INSTALLED}",
    "sudo -n visudo",
]


def test_nothing_else_is_allowed(managed: Managed) -> None:
    script = "\n".join(
        f"( {line} ) </dev/null 2>&1 && echo 'ALLOWED {number}'" for number, line in enumerate(NOT_ALLOWED)
    )
    said = managed.says(script)
    assert "ALLOWED" not in said
    assert "uid=0" not in said


HOSTILE = [
    "id\n",
    "/bin/sh\n",
    "version;id\n",
    "version\nid\n",
    "version\n\n",
    "version",
    "",
    "$(id)\n",
    "inspect `id`\n",
    "inspect 80|id\n",
    "inspect */../../bin/id\n",
    "ports\0id\n",
    "ports\r\n",
    "ports\tall\n",
    " ports\n",
    "request\n",
    "--help\n",
    "-c id\n",
    "unit-stop ../../ssh.service tcp 22\n",
    "unit-stop --root=/tmp.service tcp 22\n",
    "close tcp 22 1:1:1 " + "1:1:1 " * 12000 + "\n",
]


def octal(text: str) -> str:
    """`text` as printf(1) spells any byte."""
    return "".join(f"\\0{byte:03o}" for byte in text.encode())


EVIL = """
mkdir -p /tmp/evil
for program in id awk ls tr head cat; do
    printf '#!/bin/sh\\necho forged\\n' >/tmp/evil/$program
    chmod 755 /tmp/evil/$program
done
echo 'echo forged' >/tmp/evil/env
"""
ASK = (
    "PATH=/tmp/evil:$PATH IFS=t ENV=/tmp/evil/env BASH_ENV=/tmp/evil/env SHELLOPTS=xtrace PS4='$(id)' LC_ALL=x "
    f"/usr/bin/sudo -n {INSTALLED} request"
)


def test_what_it_asks_root_for_is_judged_by_hostctl(managed: Managed) -> None:
    asked = "".join(f"printf '%b' '{octal(request)}' | {ASK}; echo rc=$?\n" for request in HOSTILE)
    answers = managed.says(EVIL + asked).split("rc=")
    assert len(answers) == len(HOSTILE) + 1
    for request, answer, status in zip(HOSTILE, answers, answers[1:], strict=False):
        lines = [line for line in answer.splitlines() if "\t" in line or line == "end"]
        assert [line.split("\t")[0] for line in lines] == ["hostctl", "error", "end"], (request[:40], answer)
        assert status.startswith("1"), request[:40]
        assert "forged" not in answer
        assert "uid=" not in answer
    assert managed.says(f"{EVIL}echo version | {ASK}") == "hostctl\t1\tversion\nuser\t0\nend\n"


def test_what_root_runs_cannot_be_changed_by_it(managed: Managed) -> None:
    places = [INSTALLED, "/etc/sudoers.d/orchestrator", "/var/lib/orchestrator/added"]
    for place in places:
        parents = [str(parent) for parent in Path(place).parents]
        for path in (place, *parents):
            stat = managed.machine.run(f"stat -c '%U %a' {path}").stdout.split()
            assert stat[0] == "root", path
            assert int(stat[1], 8) & 0o022 == 0, path
        said = managed.says(f"echo >>{place}; mv {place} /tmp; rm -f {place}; echo done")
        assert "done\n" in said
        assert managed.machine.run(f"test -s {place}", check=False).returncode == 0


def test_the_key_gives_commands_and_metrics_only(managed: Managed) -> None:
    home, machine = managed.home, managed.machine
    for bind in ("8022", "127.0.0.1:8022", "0.0.0.0:8022", "127.0.0.1:1", "*:1"):
        done = ssh(home, machine, f"-R{bind}:127.0.0.1:22", "true")
        assert done.returncode == 255, bind
        assert "remote port forwarding failed" in done.stderr
    for there in ("127.0.0.1:22", "localhost:9100", "127.0.0.1:9101", f"{machine.address}:22"):
        assert "stdio forwarding failed" in ssh(home, machine, f"-W{there}").stderr, there
    assert ssh(home, machine, "-W127.0.0.1:9100").returncode == 0
    assert "PTY allocation request failed" in ssh(home, machine, "-tt", "true").stderr
    password = machine.run("getent shadow orchestrator").stdout.split(":")[1]
    assert password == "*"


def test_the_service_is_confined_and_sees_the_units(managed: Managed) -> None:
    wanted = {
        "User": "orchestrator-metrics",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
    }
    said = managed.machine.run(f"systemctl show orchestrator-node-exporter -p {','.join(wanted)}").stdout
    assert dict(line.split("=", 1) for line in said.splitlines()) == wanted
    metrics = managed.machine.run("curl -s http://127.0.0.1:9100/metrics").stdout
    assert 'node_scrape_collector_success{collector="systemd"} 1' in metrics
    assert 'node_systemd_units{state="failed"} 0' in metrics


def test_a_key_bound_to_another_address_does_not_open(lab_of_managed: tuple[Lab, Path]) -> None:
    lab, home = lab_of_managed
    run = Ours(home).play(PLAYBOOKS / "bootstrap.yml", ["--limit", "web3", "-e", "bootstrap_from=192.0.2.1"])
    assert [task.name for task in run.tasks for got in task.hosts.values() if got.outcome == "changed"] == [
        "Let our keys in"
    ]
    done = ssh(home, lab.hosts[2], "true")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_root_follows_no_account_into_its_own_folder(lab_of_managed: tuple[Lab, Path]) -> None:
    """A link put there between a look and a write would lead root anywhere: the account itself writes, or nobody."""
    lab, home = lab_of_managed
    machine, again = lab.hosts[2], ["--limit", "web3", "-e", "bootstrap_from=0.0.0.0/0"]
    machine.run("chown root: /home/orchestrator/.ssh && chmod 755 /home/orchestrator/.ssh")
    (trouble,) = troubles(Ours(home).play(PLAYBOOKS / "bootstrap.yml", again))
    assert trouble.startswith("Write them as the account itself: web3")
    machine.run("chown orchestrator: /home/orchestrator/.ssh && chmod 700 /home/orchestrator/.ssh")
    assert troubles(Ours(home).play(PLAYBOOKS / "bootstrap.yml", again)) == []
    assert ssh(home, machine, "true").returncode == 0


def test_root_reads_no_notes_that_others_may_write(lab_of_managed: tuple[Lab, Path]) -> None:
    lab, home = lab_of_managed
    lab.hosts[2].run("chown orchestrator: /var/lib/orchestrator")
    for name in ("bootstrap", "retire"):
        (trouble,) = troubles(Ours(home).play(PLAYBOOKS / f"{name}.yml", ["--limit", "web3"]))
        assert trouble.startswith("Refuse folders that are not root's alone: web3"), name
    lab.hosts[2].run("chown root: /var/lib/orchestrator")


def test_an_account_is_not_retired_by_itself(lab_of_managed: tuple[Lab, Path]) -> None:
    lab, home = lab_of_managed
    keys = [Path(f"{key}.pub").read_text().strip() for key in (lab.key, home / "keys/id_ed25519")]
    variables = json.dumps({"bootstrap_free_root": True, "bootstrap_public_keys": keys})
    assert troubles(Ours(home).play(PLAYBOOKS / "bootstrap.yml", ["--limit", "web3", "-e", variables])) == []
    as_itself = ["--limit", "web3", "-e", "ansible_user=orchestrator"]
    (trouble,) = troubles(Ours(home).play(PLAYBOOKS / "retire.yml", as_itself))
    assert trouble.startswith("Refuse to be the account that ends here: web3")
    assert ssh(home, lab.hosts[2], "true").returncode == 0


def test_root_follows_no_account_to_take_keys_away_either(lab_of_managed: tuple[Lab, Path]) -> None:
    lab, home = lab_of_managed
    machine, limit = lab.hosts[2], ["--limit", "web3"]
    keys, others = "/home/orchestrator/.ssh/authorized_keys", "/root/authorized_keys"
    machine.run(f"install -m 600 {keys} {others} && ln -sf {others} {keys}")
    (trouble,) = troubles(Ours(home).play(PLAYBOOKS / "retire.yml", limit))
    assert trouble.startswith("Take them as the account itself: web3")
    assert "# BEGIN See Servers Health Plus" in machine.run(f"cat {others}").stdout
    machine.run(f"rm {keys} && install -m 600 -o orchestrator -g orchestrator {others} {keys} && rm {others}")
    assert troubles(Ours(home).play(PLAYBOOKS / "retire.yml", limit)) == []
    assert machine.run("getent passwd orchestrator", check=False).returncode == 2


def test_all_of_root_only_where_the_inventory_says_become(lab_of_managed: tuple[Lab, Path]) -> None:
    lab, home = lab_of_managed
    managed = Managed(lab.hosts[1], home)
    assert "a password is required" in managed.says("sudo -n id -u")
    run = Ours(home).play(PLAYBOOKS / "bootstrap.yml", ["--limit", "web2", "-e", "become=true"])
    assert [task.name for task in run.tasks for got in task.hosts.values() if got.outcome == "changed"] == [
        "Write the sudo rule"
    ]
    assert managed.says("sudo -n id -u") == "0\n"


def test_metrics_are_back_after_a_reboot(lab_of_managed: tuple[Lab, Path]) -> None:
    machine = lab_of_managed[0].hosts[1]
    machine.reboot()
    until(lambda: machine.run("curl -sf http://127.0.0.1:9100/metrics -o /dev/null", check=False).returncode == 0)


async def test_retiring_lifts_what_was_blocked(lab_of_managed: tuple[Lab, Path]) -> None:
    lab, home = lab_of_managed
    managed = Managed(lab.hosts[0], home)
    for address, seconds in (("203.0.113.9", None), ("2001:db8::/48", 3600)):
        stream = Fleet(managed.run()).block([managed.host], parse_network(address), seconds)
        assert [each.state async for each in stream] == [BlockState.DONE]
    assert troubles(Ours(home).play(PLAYBOOKS / "retire.yml", ["--limit", "web1"])) == []
    assert managed.machine.run("nft list ruleset").stdout == ""
    left = managed.machine.run("ls -d /var/lib/orchestrator; systemctl is-enabled orchestrator-blocks", check=False)
    assert left.stdout.strip() in ("", "not-found")
