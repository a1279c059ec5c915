"""A rotation on booted hosts: each release's own sshd, shells and tools, with penalties on, and one host cut off."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.inventory.model import Become, Host
from orchestrator.rotation import Ledger, Outcome, Rotation, Stage
from orchestrator.ssh import Command, Keys, Limits, Pool, Status, Succession, Trust, Turn
from tests.lab.lab import Lab
from tests.sshd import keygen, run

pytestmark = pytest.mark.lab

USER = "rotated"
FILE = f"/home/{USER}/.ssh/authorized_keys"
PENALTIES = "/etc/ssh/sshd_config.d/lab-penalties.conf"
OPTIONS = 'restrict,pty,from="0.0.0.0/0"'


@pytest.fixture
def keys(tmp_path: Path, lab_releases: Lab) -> Iterator[Path]:
    """A keys folder; every host has an account that its key opens, with options, and sshd as Debian sets it up."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    public = keygen(folder / "id_ed25519").with_name("id_ed25519.pub").read_text()
    (folder / "known_hosts").write_text("".join(f"{host.host_key_line}\n" for host in lab_releases.hosts))
    line = shlex.quote(f"{OPTIONS} {public}".strip())
    for host in lab_releases.hosts:
        # As bootstrap leaves it: root made the file, and its group.
        make = f"umask 077; mkdir /home/{USER}/.ssh; echo {line} >{FILE}; chown -R {USER}:root /home/{USER}/.ssh"
        host.run(f"useradd --create-home --shell /bin/bash {USER}; {make}")
        host.run(f"if [ -e {PENALTIES} ]; then mv {PENALTIES} /root/kept; systemctl restart ssh; fi")
    yield folder
    for host in lab_releases.hosts:
        host.heal()
        host.run(f"if [ -e /root/kept ]; then mv /root/kept {PENALTIES}; systemctl restart ssh; fi")
        host.run(f"pkill -KILL -u {USER}; userdel --remove --force {USER}", check=False)


async def rotate(keys: Path, hosts: list[Host]) -> Outcome:
    limits = Limits(connect_timeout=4.0)
    opener = Keys(keys)
    async with Pool(trust=Trust(keys / "known_hosts"), keys=opener, limits=limits) as pool:
        ledger = Ledger(keys.parent / "rotation")
        files = Succession(keys)
        rotation = Rotation(pool, opener, files, ledger, stop=asyncio.Event(), tell=lambda _step, _host: None)
        outcome = await rotation.run(hosts, hosts, "new key")
        results = await asyncio.gather(*(pool.run(host, Command("id -un")) for host in hosts))
    reached = {result.host for result in results if result.status is Status.OK}
    assert reached == {each.host for each in outcome.standings if each.stage is Stage.DONE and " " not in each.host}
    return outcome


async def test_every_release_and_one_that_was_away(keys: Path, lab_releases: Lab) -> None:
    away = lab_releases.hosts[1]
    hosts = [Host(host.name, host.address, user=USER) for host in lab_releases.hosts]
    before = (keys / "id_ed25519").read_bytes()
    away.cut()
    first = await rotate(keys, hosts)
    assert {each.host: each.stage for each in first.standings} == {
        host.name: Stage.LEFT if host is away else Stage.DONE for host in lab_releases.hosts
    }
    assert first.turn is Turn.RETIRING
    away.join()
    away.wait_ssh()
    second = await rotate(keys, hosts)
    assert (second.turn, second.complete) == (Turn.NONE, True)
    public = (keys / "id_ed25519.pub").read_text()
    assert (keys / "id_ed25519").read_bytes() != before
    for host in lab_releases.hosts:
        assert host.run(f"cat {FILE}").stdout == f"{OPTIONS} {public}"
        assert host.run(f"stat -c '%U:%G %a' {FILE}").stdout == f"{USER}:{USER} 600\n"
        assert host.run(f"ls -A /home/{USER}/.ssh").stdout == "authorized_keys\n"
    assert run("ssh-keygen", "-y", "-f", str(keys / "id_ed25519")).split()[:2] == public.split()[:2]


async def test_an_account_that_becomes_root_and_the_one_that_bootstrap_comes_in_by(
    keys: Path, lab_releases: Lab
) -> None:
    machine = lab_releases.hosts[2]
    old = (keys / "id_ed25519.pub").read_text().strip()
    ops = "/home/ops/.ssh/authorized_keys"
    machine.run(f"echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/rotated")
    machine.run(f"cp -p {ops} /root/ops; echo {shlex.quote(old)} >>{ops}")
    before = machine.run("cat /root/.ssh/authorized_keys").stdout
    host = Host(machine.name, machine.address, user=USER, become=Become(), vars={"bootstrap_user": "ops"})
    try:
        outcome = await rotate(keys, [host])
        after = machine.run(f"cat {ops}").stdout
        assert after == machine.run("cat /root/ops").stdout + (keys / "id_ed25519.pub").read_text()
    finally:
        machine.run(f"rm /etc/sudoers.d/rotated; cp -p /root/ops {ops}")
    assert [(each.host, each.stage) for each in outcome.standings] == [
        (machine.name, Stage.DONE), (f"{machine.name} as ops", Stage.DONE)
    ]  # fmt: skip
    assert machine.run("cat /root/.ssh/authorized_keys").stdout == before
    assert (keys / "id_ed25519.pub").read_text() in machine.run(f"cat {FILE}").stdout
