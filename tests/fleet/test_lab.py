"""What systemd does about a closed port, on booted hosts, over the stock ssh client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.fleet import CloseOutcome, CloseState, Fleet, Inspection
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Status
from tests.fleet.processes import SshRun, until
from tests.lab.host import LabHost
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

PORT = 8080
SERVE = f"/usr/bin/python3 -m http.server {PORT} --bind 0.0.0.0"
DEAF = f"""/usr/bin/python3 -c "import signal; signal.signal(15, signal.SIG_IGN); import http.server; \
http.server.test(port={PORT})" """
CAT = """/usr/bin/python3 -c "import socket, signal; s = socket.socket(fileno=3); s.accept(); signal.pause()" """


class OverSsh:
    """A booted host, the fleet that asks it as `user`, and shortcuts for one port."""

    def __init__(self, lab: Lab, machine: LabHost, user: str = "root", sudo: str = "") -> None:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ControlMaster=no"]
        ssh = [
            "ssh",
            "-F",
            "none",
            "-i",
            str(lab.key),
            *(f"-o{option}" for option in options),
            f"{user}@{machine.address}",
        ]
        self.lab = lab
        self.machine = machine
        self.host = Host(machine.name, machine.address)
        self.fleet = Fleet(SshRun(ssh, f"{sudo} /bin/sh"), own_ports=(9090,))

    async def inspect(self, port: int = PORT) -> Inspection:
        inspection = await self.fleet.inspect(self.host, port)
        assert inspection.status is Status.OK, inspection.detail
        return inspection

    async def close(self, port: int = PORT) -> CloseOutcome:
        return await self.fleet.close(self.host, (await self.inspect(port)).targets)

    @contextmanager
    def unit(self, service: str, *, socket: str = "") -> Iterator[None]:
        """A unit `web.service` of these lines (and `web.socket`), up and listening."""
        folder = "/run/systemd/system"
        write = f"cat >{folder}/web.service <<'END'\n[Service]\n{service}\nEND\n"
        if socket:
            write += f"cat >{folder}/web.socket <<'END'\n[Socket]\n{socket}\nEND\n"
        start = "web.socket" if socket else "web.service"
        self.machine.run(f"{write}systemctl daemon-reload; systemctl start {start}")
        try:
            until(lambda: f":{PORT} " in self.machine.run("ss -Htln").stdout)
            yield
        finally:
            stop = "systemctl stop web.socket web.service; systemctl kill -s KILL web.service; systemctl reset-failed"
            self.machine.run(f"{stop}; rm -f {folder}/web.*; systemctl daemon-reload", check=False)

    def state(self, unit: str) -> str:
        return self.machine.run(f"systemctl is-active {unit}", check=False).stdout.strip()


@pytest.fixture(params=["bullseye", "bookworm", "trixie"])
def ssh(request: pytest.FixtureRequest, lab_releases: Lab) -> OverSsh:
    (machine,) = [machine for machine in lab_releases.hosts if machine.release == request.param]
    return OverSsh(lab_releases, machine)


async def test_a_unit_that_stays_down(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={SERVE}\nUser=daemon"):
        (target,) = (await ssh.inspect()).targets
        assert target.unit is not None
        assert (target.unit.name, target.unit.restart, target.unit.active) == ("web.service", "no", "active")
        assert (target.process.user, target.process.unit, target.process.manager) == ("daemon", "web.service", "system")
        outcome = await ssh.close()
        assert ssh.state("web.service") in ("inactive", "failed")
    assert outcome.state is CloseState.CLOSED, outcome


async def test_a_unit_that_systemd_brings_back_at_once(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={SERVE}\nRestart=always\nRestartSec=100ms"):
        (target,) = (await ssh.inspect()).targets
        assert target.unit is not None
        assert target.unit.restarts_after_term
        outcome = await ssh.close()
    assert outcome.state is CloseState.RESTARTED, outcome
    assert outcome.now[0].processes[0].pid != target.process.pid


async def test_a_unit_that_systemd_will_bring_back_later(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={SERVE}\nRestart=always\nRestartSec=60"):
        outcome = await ssh.close()
    assert (outcome.state, outcome.now) == (CloseState.RESTARTED, ()), outcome
    assert outcome.detail == "systemd is about to restart web.service (Restart=always)"


async def test_a_unit_that_comes_back_only_when_it_must_be_killed(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={SERVE}\nRestart=on-failure\nRestartSec=60"):
        (target,) = (await ssh.inspect()).targets
        assert target.unit is not None
        assert (target.unit.restarts_after_term, target.unit.restarts_after_kill) == (False, True)
        gentle = await ssh.close()
    with ssh.unit(f"ExecStart={DEAF}\nRestart=on-failure\nRestartSec=60"):
        rough = await ssh.close()
    assert [ending.signal for ending in (*gentle.endings, *rough.endings)] == ["TERM", "KILL"]
    # Python ends by the signal itself, which is a clean end to systemd.
    assert (gentle.state, rough.state) == (CloseState.CLOSED, CloseState.RESTARTED)


async def test_stopping_the_unit_ends_it_for_good(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={SERVE}\nRestart=always\nRestartSec=100ms"):
        outcome = await ssh.fleet.stop_unit(ssh.host, "web.service", PORT, "tcp")
        assert ssh.state("web.service") in ("inactive", "failed")
    assert (outcome.state, outcome.now) == (CloseState.CLOSED, ()), outcome


async def test_a_socket_that_systemd_holds_itself(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={CAT}", socket=f"ListenStream={PORT}"):
        inspection = await ssh.inspect()
        assert [(target.process.pid, target.protected) for target in inspection.targets] == [(1, "it is PID 1")]
        assert inspection.activators == ("web.socket",)
        assert (await ssh.close()).state is CloseState.REFUSED
        outcome = await ssh.fleet.stop_unit(ssh.host, "web.socket", PORT, "tcp")
        assert ssh.state("web.socket") == "inactive"
    assert outcome.state is CloseState.CLOSED, outcome


async def test_a_service_that_its_socket_would_start_again(ssh: OverSsh) -> None:
    with ssh.unit(f"ExecStart={CAT}", socket=f"ListenStream={PORT}"):
        ssh.machine.run("systemctl start web.service")
        inspection = await ssh.inspect()
        assert {target.process.pid == 1 for target in inspection.targets} == {True, False}
        (service,) = [target.unit for target in inspection.targets if target.process.pid != 1]
        assert service is not None
        assert service.sockets == ("web.socket",)
        outcome = await ssh.fleet.stop_unit(ssh.host, "web.service", PORT, "tcp")
        assert (ssh.state("web.socket"), ssh.state("web.service")) != ("active", "active")
    assert (outcome.state, outcome.now) == (CloseState.CLOSED, ()), outcome


async def test_our_own_sshd_is_refused_and_so_is_its_unit(ssh: OverSsh) -> None:
    inspection = await ssh.inspect(22)
    assert inspection.targets
    assert all(target.protected for target in inspection.targets)
    assert (await ssh.close(22)).state is CloseState.REFUSED
    outcome = await ssh.fleet.stop_unit(ssh.host, "ssh.service", 22, "tcp")
    assert outcome.state is CloseState.REFUSED, outcome
    assert ssh.state("ssh.service") == "active"


async def test_the_ssh_server_is_refused_to_whoever_asks(ssh: OverSsh) -> None:
    """Asked as a service of its own, the request has nothing to do with sshd: neither an ancestor nor a connection."""
    apart = OverSsh(ssh.lab, ssh.machine, sudo="systemd-run --quiet --pipe --wait --collect")
    with apart.unit(f"ExecStart=/usr/sbin/sshd -D -p {PORT}"):
        for port, unit in ((22, "ssh.service"), (PORT, "web.service")):
            closed = await apart.close(port)
            stopped = await apart.fleet.stop_unit(apart.host, unit, port, "tcp")
            for outcome in (closed, stopped):
                assert (outcome.state, outcome.detail) == (CloseState.REFUSED, "it is the SSH server of this host"), (
                    unit
                )
            assert apart.state(unit) == "active"


async def test_so_is_the_socket_that_starts_it(ssh: OverSsh) -> None:
    apart = OverSsh(ssh.lab, ssh.machine, sudo="systemd-run --quiet --pipe --wait --collect")
    ssh.machine.run("systemctl stop ssh.service && systemctl start ssh.socket")
    try:
        outcome = await apart.fleet.stop_unit(apart.host, "ssh.socket", 22, "tcp")
        assert apart.state("ssh.socket") == "active"
    finally:
        ssh.machine.run("systemctl stop ssh.socket && systemctl start ssh.service")
        ssh.machine.wait_ssh(20)
    assert outcome.state is CloseState.REFUSED, outcome


async def test_the_same_through_sudo(lab: Lab) -> None:
    """sudo drops SSH_CONNECTION, and sshd has been restarted, so that the listener is no ancestor of ours."""
    ops = OverSsh(lab, lab.hosts[0], "ops", sudo="sudo -n")
    ops.machine.run("systemctl restart ssh")
    ops.machine.wait_ssh(20)
    assert (await ops.close(22)).state is CloseState.REFUSED


async def test_stopping_a_unit_that_does_not_hold_the_port_does_nothing(lab: Lab) -> None:
    root = OverSsh(lab, lab.hosts[0])
    with root.unit(f"ExecStart={SERVE}"):
        outcome = await root.fleet.stop_unit(root.host, "rsyslog.service", PORT, "tcp")
        assert root.state("rsyslog.service") == "active"
    assert outcome.state is CloseState.NOT_DONE
    assert outcome.detail == f"rsyslog.service does not hold tcp port {PORT} (any more)"


async def test_without_rights_nothing_is_guessed_and_nothing_stopped(lab: Lab) -> None:
    ops = OverSsh(lab, lab.hosts[0], "ops")
    with ops.unit(f"ExecStart={SERVE}"):
        (port,) = (await ops.inspect()).ports
        outcome = await ops.fleet.stop_unit(ops.host, "web.service", PORT, "tcp")
        assert ops.state("web.service") == "active"
    assert (port.ownership, port.processes) == ("hidden", ())
    assert outcome.state is CloseState.NOT_DONE


async def test_vitals_of_booted_hosts(lab: Lab) -> None:
    for machine in lab.hosts:
        over = OverSsh(lab, machine)
        (answer,) = [answer async for answer in over.fleet.vitals([over.host])]
        assert answer.vitals is not None, answer.detail
        assert answer.vitals.system.startswith("Debian GNU/Linux 12")
        assert answer.vitals.disk is not None
        assert answer.vitals.disk.mount == "/"
        assert answer.vitals.boot_id == machine.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()
