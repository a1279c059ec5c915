"""A real Prometheus finds the hosts by /sd and scrapes them through their SSH connections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.inventory import Host
from orchestrator.monitor.configure import NAME, snippet
from orchestrator.ssh import Keys, Pool, Trust
from tests.monitor.endpoint import HERE, endpoint, node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus
from tests.ssh.conftest import QUICK
from tests.sshd import fleet


async def test_hosts_are_found_scraped_and_labelled(tmp_path: Path) -> None:
    with fleet(tmp_path / "home", 1) as servers, node_exporter(HERE) as exporter:
        web = replace(servers.servers[0].host("web1"), exporter=(HERE, exporter), labels={"rack": "a1"})
        odd = replace(web, name="網頁+1@x", labels={})
        gone = Host("db1", "127.0.0.77", port=1)
        keys = servers.keys
        async with (
            Pool(trust=Trust(keys / "known_hosts"), keys=Keys(keys), limits=QUICK) as pool,
            endpoint(pool, web, odd, gone) as ours,
        ):
            (tmp_path / "prometheus").mkdir()
            jobs = snippet((LOOPBACK, ours.port))
            quick = f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"
            (tmp_path / "prometheus" / NAME).write_text(quick)
            async with prometheus(tmp_path) as (_, client):
                instance = f"{web.address}:{exporter}"
                await answers(client, f'up{{host="web1", instance="{instance}", rack="a1"}} == 1')
                await answers(client, f'up{{host="{odd.name}"}} == 1')
                await answers(client, 'up{host="db1", instance="127.0.0.77:9100"} == 0')
                await answers(client, 'node_load1{host="web1"}')
                await answers(client, 'orchestrator_scrape_duration_seconds_count{outcome="ok"} > 1')
                await answers(client, 'count(up{job="orchestrator-hosts"}) == 3')
