"""The fleet over the pool: what other suites try over plain processes, once more over the connections people use."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from orchestrator.fleet import CloseState, Fleet, Report
from orchestrator.inventory import HostSet
from orchestrator.inventory.model import Become, Host
from orchestrator.ssh import Keys, Pool, Trust
from orchestrator.ssh.result import Status
from tests.fleet.processes import alive, listening, until
from tests.lab.lab import Lab

PORT = 8080


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path)) as opened:
        yield opened


async def test_on_server(pool: Pool, server: Host) -> None:
    fleet = Fleet(pool.run)
    with listening("127.0.0.1", "--term", "ignore") as listener:
        inspection = await fleet.inspect(server, listener.port)
        assert [target.process.pid for target in inspection.targets] == [listener.pid], inspection.detail
        outcome = await fleet.close(server, inspection.targets)
        assert not alive(listener.pid)
    assert outcome.state is CloseState.CLOSED, outcome
    (vitals,) = [answer async for answer in fleet.vitals([server])]
    assert vitals.vitals is not None, vitals.detail


async def test_on_server_we_are_never_closed(pool: Pool, server: Host) -> None:
    fleet = Fleet(pool.run)
    with socket.create_server(("127.0.0.1", 0)) as ours:
        inspection = await fleet.inspect(server, ours.getsockname()[1])
        assert [target.protected for target in inspection.targets] == ["it carries this request"]
        outcome = await fleet.close(server, inspection.targets)
    assert outcome.state is CloseState.REFUSED, outcome


@pytest.mark.lab
@pytest.mark.parametrize("user", ["root", "ops"])
async def test_on_booted_hosts(lab: Lab, tmp_path: Path, user: str) -> None:
    (tmp_path / "known_hosts").write_text(lab.known_hosts())
    hosts = HostSet(
        Host(machine.name, machine.address, user=user, key=str(lab.key), become=Become() if user == "ops" else None)
        for machine in lab.hosts
    )
    for machine in lab.hosts:
        machine.run(f"systemd-run -q --unit=pooled python3 -m http.server {PORT}")
        until(lambda machine=machine: f":{PORT} " in machine.run("ss -Htln").stdout)  # type: ignore[misc] # bound now
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path)) as pool:
        fleet = Fleet(pool.run)
        async with aclosing(fleet.exec(hosts, "id -un")) as results:
            report = Report.of([result async for result in results])
        assert [(group.hosts, group.sample.out) for group in report.groups] == [(hosts.names, "root\n")]
        found = {answer.host: answer async for answer in fleet.ports(hosts)}
        assert set(found) == set(hosts.names)
        for host in hosts:
            answer = found[host.name]
            assert answer.status is Status.OK, answer.detail
            assert answer.hidden == 0
            assert {(port.port, port.processes[0].unit) for port in answer.ports} >= {
                (22, "ssh.service"),
                (PORT, "pooled.service"),
            }
            ssh = await fleet.inspect(host, 22)
            assert all(target.protected for target in ssh.targets)
            assert (await fleet.close(host, ssh.targets)).state is CloseState.REFUSED
            outcome = await fleet.close(host, (await fleet.inspect(host, PORT)).targets)
            assert outcome.state is CloseState.CLOSED, outcome
