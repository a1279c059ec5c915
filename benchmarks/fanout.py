"""`hostname` on 32 booted hosts: as a whole command line, and over connections that are open already."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing import program, seconds, table
from orchestrator.fleet import Fleet
from orchestrator.inventory import HostSet, load
from orchestrator.ssh import Keys, Pool, Status, Trust
from tests.lab.lab import Lab

HOSTS = 32
OURS = "orchestrator exec"
WARM = "pool, warm"


def main() -> None:
    """Print two tables: with the start of the program and the logins, and without."""
    with Lab(HOSTS, name=f"bench-{os.getpid()}") as lab, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in ("inventory", "keys"):
            (home / part).mkdir(mode=0o700)
        (home / "inventory" / "hosts.yml").write_text(lab.inventory_yaml())
        (home / "keys" / "known_hosts").write_text(lab.known_hosts())
        environ = {**os.environ, "ORCHESTRATOR_HOME": folder, "ANSIBLE_CONFIG": str(home / "ansible.cfg")}
        _configure_ansible(home)
        cold = {OURS: [sys.executable, "-m", "orchestrator", "exec", "all", "--", "hostname"], **_peers(lab, home)}
        print(f"{HOSTS} hosts, whole command line\n")
        print(table(OURS, {name: seconds(program(argv, environ), runs=5) for name, argv in cold.items()}))
        print(f"\n{HOSTS} hosts, connections open\n")
        print(table(WARM, {WARM: asyncio.run(_warm(home)), **_warm_peers(lab)}))


def _peers(lab: Lab, home: Path) -> dict[str, list[str]]:
    binaries = str(Path(sys.executable).parent)
    inventory, names = str(home / "inventory" / "hosts.yml"), ",".join(host.address for host in lab.hosts)
    ssh = f"-i {lab.key} -o UserKnownHostsFile={home}/keys/known_hosts -o StrictHostKeyChecking=yes"
    found = {}
    if ansible := shutil.which("ansible", path=binaries):
        for module in ("raw", "command"):
            argv = [ansible, "all", "-i", inventory, "-f", str(HOSTS), "-m", module, "-a", "hostname"]
            found[f"ansible -m {module}"] = argv
    if clush := shutil.which("clush", path=binaries):
        found["clush"] = [clush, "-l", "root", "-f", str(HOSTS), "-o", ssh, "-w", names, "-b", "hostname"]
    return found


def _configure_ansible(home: Path) -> None:
    ssh_args = f"-o UserKnownHostsFile={home}/keys/known_hosts -o ControlMaster=auto -o ControlPersist=60s"
    (home / "ansible.cfg").write_text(
        f"[defaults]\nforks = {HOSTS}\n[ssh_connection]\npipelining = true\nssh_args = {ssh_args}\n"
    )


async def _warm(home: Path) -> list[float]:
    hosts = load(home / "inventory").hosts
    async with Pool(trust=Trust(home / "keys" / "known_hosts"), keys=Keys(home / "keys")) as pool:
        fleet = Fleet(pool.run)
        await _once(fleet, hosts)
        taken = []
        for _ in range(15):
            began = time.perf_counter()
            await _once(fleet, hosts)
            taken.append(time.perf_counter() - began)
        return taken


async def _once(fleet: Fleet, hosts: HostSet) -> None:
    statuses = [result.status async for result in fleet.exec(hosts, "hostname")]
    assert statuses == [Status.OK] * HOSTS, statuses


def _warm_peers(lab: Lab) -> dict[str, Sequence[float]]:
    try:
        from pssh.clients import ParallelSSHClient
    except ImportError:
        return {}
    client = ParallelSSHClient([host.address for host in lab.hosts], user="root", pkey=str(lab.key), pool_size=HOSTS)

    def once() -> None:
        answers = client.run_command("hostname")
        client.join(answers)
        for answer in answers:
            assert list(answer.stdout), answer.host

    return {"parallel-ssh, warm": seconds(once, runs=15)}


if __name__ == "__main__":
    main()
