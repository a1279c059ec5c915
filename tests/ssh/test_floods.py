"""Floods of output: memory stays bounded, other hosts stay quick."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ssh import Command, Keys, Pool, Status, Trust
from tests.ssh.conftest import QUICK
from tests.sshd import Fleet

MIB = 1 << 20


async def _flood(keys: Path, hosts: list[dict[str, object]], script: str) -> dict[str, object]:
    """Run `script` on all `hosts` at once, in a process of its own, and tell what that took."""
    from orchestrator.inventory.model import Host

    async with Pool(trust=Trust(keys / "known_hosts"), keys=Keys(keys), limits=QUICK) as pool:
        results = await asyncio.gather(
            *(pool.run(Host(**host), Command(script, timeout=380)) for host in hosts)  # type: ignore[arg-type]
        )
    return {
        "statuses": [result.status for result in results],
        "sizes": [result.stdout_size for result in results],
        "kept": [len(result.stdout) for result in results],
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """The most memory this process ever had resident."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def flood(fleet: Fleet, count: int, script: str) -> dict[str, list[object]]:
    hosts = [
        {"name": f"h{n}", "address": server.address, "port": server.port, "user": server.host("x").user}
        for n in range(count)
        for server in [fleet.servers[n % len(fleet.servers)]]
    ]
    program = "from tests.ssh.test_floods import main; main()"
    work = json.dumps({"keys": str(fleet.keys), "hosts": hosts, "script": script})
    done = subprocess.run(
        [sys.executable, "-c", program], input=work, capture_output=True, text=True, timeout=390, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, list[object]] = json.loads(done.stdout)
    return told


def main() -> None:
    """The process under measurement."""
    work = json.load(sys.stdin)
    print(json.dumps(asyncio.run(_flood(Path(work["keys"]), work["hosts"], work["script"]))))


@pytest.mark.slow
def test_a_gibibyte_from_one_host(shared_fleet: Fleet) -> None:
    told = flood(shared_fleet, 1, "head -c 1073741824 /dev/zero")
    assert told["statuses"] == [Status.OK]
    assert told["sizes"] == [1 << 30]
    assert told["kept"][0] < MIB + 100  # type: ignore[operator]
    assert told["peak_mib"] < 120  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_twenty_hosts_at_once(shared_fleet: Fleet) -> None:
    told = flood(shared_fleet, 20, f"head -c {1 << 30} /dev/zero; head -c {10 * MIB} /dev/zero >&2")
    assert told["statuses"] == [Status.OK] * 20
    assert told["sizes"] == [1 << 30] * 20
    assert told["peak_mib"] < 300  # type: ignore[operator]


async def test_a_line_of_100_mib(shared_fleet: Fleet, pool_of: object) -> None:
    pool = pool_of(shared_fleet.keys)  # type: ignore[operator]
    command = Command("echo begin; head -c 104857600 /dev/zero | tr '\\0' x; echo end", timeout=60)
    result = await pool.run(shared_fleet.hosts()[0], command)
    assert (result.status, result.truncated, result.stdout_size) == (Status.OK, True, 100 * MIB + 10)
    assert result.stdout.startswith(b"begin\nxxx")
    assert result.stdout.endswith(b"xend\n")


async def test_other_hosts_stay_quick_meanwhile(shared_fleet: Fleet, pool_of: object) -> None:
    pool = pool_of(shared_fleet.keys)  # type: ignore[operator]
    noisy, quiet = shared_fleet.hosts()[:2]
    stop = asyncio.Event()
    flood = asyncio.create_task(pool.run(noisy, Command("cat /dev/zero", timeout=60), stop=stop))
    try:
        for _ in range(5):
            async with asyncio.timeout(5):
                assert (await pool.run(quiet, Command("true"))).status is Status.OK
    finally:
        stop.set()
    result = await flood
    assert (result.status, result.may_be_alive) == (Status.CANCELLED, False)
    assert result.stdout_size > MIB
