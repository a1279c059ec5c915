"""Ports that systemd opens again, closed from the chat, on a booted host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.fleet import Fleet
from orchestrator.inventory.model import Host
from orchestrator.ssh import Keys, Pool, Trust
from tests.bot.conftest import Node, inventory_of
from tests.bot.person import Person
from tests.fleet.test_lab import CAT, PORT, SERVE, OverSsh
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
async def person(node: Node, lab: Lab, tmp_path: Path) -> AsyncIterator[Person]:
    """Somebody who operates the first host of the lab, called db1."""
    machine = lab.hosts[0]
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(lab.known_hosts())
    known_hosts.chmod(0o600)
    host = Host("db1", machine.address, user="root", key=str(lab.key))
    async with Pool(trust=Trust(known_hosts), keys=Keys(tmp_path)) as pool:
        node.inventory, node.pool, node.fleet = inventory_of([host]), pool, Fleet(pool.run)
        node.restart()
        yield node.person()


@pytest.fixture
def machine(lab: Lab) -> OverSsh:
    return OverSsh(lab, lab.hosts[0])


async def test_a_unit_that_comes_back_is_stopped_instead(person: Person, machine: OverSsh) -> None:
    with machine.unit(f"ExecStart={SERVE}\nRestart=always\nRestartSec=100ms"):
        question = await person.say(f"/op_stop db1 {PORT}")
        assert "⚠ systemd will restart web.service (Restart=always)." in question.text
        assert question.labels == ["Close it", "Stop web.service", "Keep"]
        await person.tap("Close it")
        assert question.first_line == f"⚠ tcp {PORT} on db1 is open again"
        assert question.labels == ["Stop web.service", "Keep"]
        await person.tap("Stop web.service")
        assert question.first_line.startswith(f"✔ tcp {PORT} on db1 is free")
        assert machine.state("web.service") in ("inactive", "failed")


async def test_a_socket_of_systemd_itself(person: Person, machine: OverSsh) -> None:
    with machine.unit(f"ExecStart={CAT}", socket=f"ListenStream={PORT}"):
        question = await person.say(f"/op_stop db1 {PORT}")
        assert question.first_line == f"⚠ tcp {PORT} on db1 is held by systemd for web.socket"
        assert question.labels == ["Stop web.socket", "Keep"]
        await person.tap("Stop web.socket")
        assert question.first_line.startswith(f"✔ tcp {PORT} on db1 is free")
        assert machine.state("web.socket") in ("inactive", "failed")


async def test_ports_name_their_units(person: Person, machine: OverSsh) -> None:
    with machine.unit(f"ExecStart={SERVE}\nUser=daemon"):
        ports = await person.say("/op_port db1")
        assert f"tcp {PORT} *" in ports.text
        assert "web" in ports.text
        assert "✖ 22" not in ports.labels
