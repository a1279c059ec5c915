"""Hosts that Prometheus scrapes directly: over TLS with a password, on booted hosts, by a real Prometheus."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from orchestrator.inventory import load
from orchestrator.monitor.direct import DirectScraping
from orchestrator.ssh import Keys, Pool, Trust
from tests.bootstrap.fleet import Fleet, listeners, prepare
from tests.lab.lab import Lab
from tests.monitor.endpoint import endpoint
from tests.monitor.prometheus import LOOPBACK, answers, prometheus

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two hosts, of which web1 is to be scraped directly; both bootstrapped."""
    with Lab(2, name=f"direct-{os.getpid()}") as lab:
        fleet = prepare(lab, tmp_path_factory.mktemp("home"), ("ops", "ops"))
        inventory = fleet.home / "inventory/hosts.yml"
        inventory.write_text(fleet.inventory.replace("user: ops}", "user: ops, scrape: direct}", 1))
        program = shutil.which("prometheus-node-exporter")
        assert program, "apt-get install prometheus-node-exporter"
        done = fleet.work("bootstrap", "all", "--node-exporter", program)
        assert done.status == 0, done.out + done.err
        yield fleet


def again(fleet: Fleet, *verb: str) -> tuple[str, str]:
    """What another bootstrap has to say, and whether it changed anything."""
    program = shutil.which("prometheus-node-exporter") or ""
    done = fleet.work(*verb, "--node-exporter", program, "--json")
    assert done.status == 0, done.out + done.err
    return done.out, str({name: host["changed"] for name, host in done.json["hosts"].items()})


async def status(url: str, authority: Path | None, password: str | None) -> int | str:
    """What comes of asking for metrics; the kind of error when there is no answer."""
    context = ssl.create_default_context(cafile=authority) if authority else ssl.create_default_context()
    login = base64.b64encode(f"prometheus:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"} if password is not None else {}
    try:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context, headers=headers) as answer:
            return answer.status
    except aiohttp.ClientError as error:
        return type(error).__name__


async def test_only_who_has_the_password_gets_in_and_only_over_tls(fleet: Fleet) -> None:
    host = fleet.lab.hosts[0]
    direct = DirectScraping(fleet.home / "keys/exporters")
    place, password = f"{host.address}:9100/metrics", direct.password.read_text()
    assert await status(f"https://{place}", direct.authority, password) == 200
    assert await status(f"https://{place}", direct.authority, None) == 401
    assert await status(f"https://{place}", direct.authority, "wrong") == 401
    assert await status(f"http://{place}", direct.authority, password) == 400
    assert await status(f"https://{place}", None, password) == "ClientConnectorCertificateError"

    # It listens on the host's own address, the other host's on loopback as ever.
    assert f"tcp {host.address}:9100" in listeners(host)
    assert [line for line in listeners(fleet.lab.hosts[1]) if line.endswith(":9100")] == ["tcp 127.0.0.1:9100"]

    # Nobody but the exporter's account reads its key, and nobody has the password there.
    folder = "/usr/local/libexec/orchestrator/exporter-tls"
    assert host.run(f"stat -c '%U %a' {folder} {folder}/key.pem").stdout.split("\n")[:2] == [
        "orchestrator-metrics 700",
        "orchestrator-metrics 600",
    ]
    assert password not in host.run(f"cat {folder}/*; ps -ef").stdout
    secret = [path for path in (fleet.home / "keys/exporters").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


async def test_prometheus_scrapes_both_kinds_of_hosts_as_one_job(fleet: Fleet, tmp_path: Path) -> None:
    hosts = load(fleet.home / "inventory").hosts
    keys = Keys(fleet.home / "keys")
    async with Pool(trust=Trust(fleet.home / "keys/known_hosts"), keys=keys) as pool, endpoint(pool, *hosts) as ours:
        direct = DirectScraping(fleet.home / "keys/exporters")
        proxied = (await ours.get("/hosts/web1/metrics")).status
        assert proxied == 404, "web1 is scraped directly"
        async with prometheus(tmp_path, scraped=(LOOPBACK, ours.port), direct=direct) as (_, client):
            for name in ("web1", "web2"):
                await answers(client, f'up{{job="orchestrator-hosts",host="{name}"}} == 1', within=60)
            address = fleet.lab.hosts[0].address
            assert await client.query(f'node_uname_info{{host="web1",instance="{address}:9100",nodename="web1"}}')


def test_again_changes_nothing_and_the_way_back_leaves_nothing(fleet: Fleet) -> None:
    assert again(fleet, "bootstrap", "all")[1] == "{'web1': 0, 'web2': 0}"
    inventory = fleet.home / "inventory/hosts.yml"
    inventory.write_text(fleet.inventory.replace(", scrape: direct", "").replace("scrape: direct, ", ""))
    assert again(fleet, "bootstrap", "web1")[1] != "{'web1': 0}"
    host = fleet.lab.hosts[0]
    assert [line for line in listeners(host) if line.endswith(":9100")] == ["tcp 127.0.0.1:9100"]
    assert "missing" in host.run("ls /usr/local/libexec/orchestrator/exporter-tls 2>/dev/null || echo missing").stdout
    assert asyncio.run(status(f"http://{host.address}:9100/metrics", None, None)) == "ClientConnectorError"
    assert fleet.work("retire", "all").status == 0
    assert host.run("ls /usr/local/libexec/orchestrator 2>/dev/null || echo missing").stdout == "missing\n"
