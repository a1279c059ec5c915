"""Scrapes of booted hosts, whose exporter listens on their own loopback only, while their network fails."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator.inventory import Host
from orchestrator.ssh import Keys, Phase, Pool, Trust
from tests.lab.lab import Lab
from tests.monitor.endpoint import Endpoint, endpoint
from tests.ssh.conftest import QUICK
from tests.ssh.test_faults import until

pytestmark = pytest.mark.lab
WITHIN = {"X_Prometheus_Scrape_Timeout_Seconds": "2"}


@pytest.fixture(scope="module")
def exporters(lab: Lab) -> Iterator[Lab]:
    """The lab, each host with the node_exporter of Debian's package, running."""
    program = shutil.which("prometheus-node-exporter")
    assert program is not None, "apt-get install prometheus-node-exporter"
    for host in lab.hosts:
        shutil.copy(program, host.root / "usr/local/bin/node_exporter")
        host.run(
            "systemd-run --quiet --unit=node_exporter /usr/local/bin/node_exporter --web.listen-address=127.0.0.1:9100"
        )
        host.run("for i in $(seq 100); do curl -so /dev/null http://127.0.0.1:9100/ && exit; sleep 0.05; done; exit 1")
    yield lab
    for host in lab.hosts:
        host.run("systemctl stop node_exporter; rm /usr/local/bin/node_exporter")


@pytest.fixture
async def ours(exporters: Lab, tmp_path: Path) -> AsyncIterator[tuple[Endpoint, Pool, list[Host]]]:
    (tmp_path / "known_hosts").write_text(exporters.known_hosts())
    hosts = [Host(host.name, host.address, user="root", key=str(exporters.key)) for host in exporters.hosts]
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path), limits=QUICK) as pool:
        pool.keep(hosts)
        await until(lambda: all(pool.state(host).phase is Phase.UP for host in hosts))
        async with endpoint(pool, *hosts) as served:
            yield served, pool, hosts


async def scrape(served: Endpoint, host: Host) -> tuple[int, float]:
    """The status, and after how many seconds."""
    begun = time.monotonic()
    status = (await served.get(f"/hosts/{host.name}/metrics", **WITHIN)).status
    return status, time.monotonic() - begun


async def test_no_port_is_open_to_the_network(exporters: Lab, ours: tuple[Endpoint, Pool, list[Host]]) -> None:
    served, _, hosts = ours
    for host, machine in zip(hosts, exporters.hosts, strict=True):
        answer = await served.get(f"/hosts/{host.name}/metrics", Accept_Encoding="identity")
        assert answer.status == 200
        assert f'node_uname_info{{domainname="(none)",machine="x86_64",nodename="{machine.name}"' in answer.text
        listening = (await asyncio.to_thread(machine.run, "ss -Htln sport = :9100")).stdout
        assert listening.split()[3] == "127.0.0.1:9100"
        with pytest.raises(OSError, match="refused|failed"):
            await asyncio.open_connection(machine.address, 9100)


@pytest.mark.parametrize("fault", ["cut", "freeze"])
async def test_a_host_that_goes_away_is_bounded_then_told_at_once_and_comes_back(
    exporters: Lab, ours: tuple[Endpoint, Pool, list[Host]], fault: str
) -> None:
    served, pool, hosts = ours
    faulty, healthy = hosts[0], hosts[1]
    await asyncio.to_thread(getattr(exporters.hosts[0], fault))
    (status, took), (other, other_took) = await asyncio.gather(scrape(served, faulty), scrape(served, healthy))
    assert (status in (502, 503, 504), took < 10) == (True, True)
    assert (other, other_took < 10) == (200, True)
    await until(lambda: pool.state(faulty).phase in (Phase.BACKOFF, Phase.DOWN) and pool.state(faulty).reason)
    results = await asyncio.gather(*(scrape(served, faulty) for _ in range(10)))
    assert {status for status, _ in results} == {503}
    assert max(took for _, took in results) < 10
    await asyncio.to_thread(exporters.hosts[0].heal)
    async with asyncio.timeout(60):
        while (await scrape(served, faulty))[0] != 200:  # noqa: ASYNC110  it is back when it answers
            await asyncio.sleep(0.1)
