"""Booted hosts in trouble, and what arrives of it in a chat: by `serve` with its own Prometheus and Alertmanager."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.monitor.alerting import alerting, alertmanager_configuration
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.configure import Wiring
from tests import sshd
from tests.alerts.alertmanager import quick
from tests.alerts.burdened import burn, equip, fill_memory, relieve, small_disk, strip
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.monitor.prometheus import LOOPBACK, RULES, answers
from tests.telegram.emulator import ANN, Shown, Telegram
from tests.telegram.served import served

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(420)]

SOON_S = 60.0  # on a busy machine
LOST_S = 120.0  # a silent connection is given up after a minute
SETTLED_S = 65.0  # of the orchestrator, before it says that everything is cut off

# The rules as they are, for people in a hurry: what takes minutes there takes seconds here.
HURRY = {
    "[120s]": "[10s]",
    "keep_firing_for: 2m": "keep_firing_for: 50s",  # that of ControlNodeCutOff: connecting again takes what it takes
    "keep_firing_for: 30s": "keep_firing_for: 5s",
    "for: 2m": "for: 3s",
    "for: 1m": "for: 8s",
    "for: 15s": "for: 2s",
    "keep_firing_for: 8s": "keep_firing_for: 15s",  # over scrapes that a busy machine misses
}

# One of somebody's own, which a host that is down fulfils a little later than AgentDown.
MINE = """\
groups:
  - name: mine
    rules:
      - alert: MineToo
        expr: host:reachable:bool == 0
        for: 12s
        labels: {severity: warning}
"""


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[list[LabHost]]:
    """The lab's, each with figures of its own and a node_exporter."""
    with ThreadPoolExecutor() as side_by_side:
        list(side_by_side.map(equip, lab.hosts))
    yield lab.hosts
    for host in lab.hosts:
        strip(host)


@pytest.fixture
async def tg(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telegram]:
    """A Bot API that nobody talks to yet."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with Telegram() as telegram:
        yield telegram


@pytest.fixture
async def prometheus(tg: Telegram, lab: Lab, hosts: list[LabHost], tmp_path: Path) -> AsyncIterator[PrometheusClient]:
    """That of the program, which serves, when it has scraped all hosts."""
    home = tmp_path / "home"
    for part in ("inventory", "state", "keys"):
        (home / part).mkdir(parents=True, mode=0o700)
    (home / "inventory" / "hosts.yml").write_text(lab.inventory_yaml())
    (home / "keys" / "known_hosts").write_text(lab.known_hosts())
    listen, own, manager = ((LOOPBACK, sshd.free_port(LOOPBACK)) for _ in range(3))
    rules = home / "prometheus" / "rules"
    rules.mkdir(parents=True)
    text = (RULES / "hosts.yml").read_text()
    for slow, fast in HURRY.items():
        assert slow in text
        text = text.replace(slow, fast)
    (rules / "hosts.yml").write_text(text)
    (rules / "mine.yml").write_text(MINE)
    url = f"http://{LOOPBACK}:{manager[1]}"
    body = Wiring(own, listen, alerting(url)).body.replace("15s", "2s").replace("10s", "2s").replace("5s", "1s")
    (home / "prometheus" / "prometheus.yml").write_text(body)
    alerts = quick(alertmanager_configuration(listen, home / "state" / "alerts-token"))
    (home / "prometheus" / "alertmanager.yml").write_text(alerts)
    settings = {
        "ALERT_CHAT_ID": str(ANN.id),
        "LISTEN": f"{LOOPBACK}:{listen[1]}",
        "PROMETHEUS_LISTEN": f"{LOOPBACK}:{own[1]}",
        "PROMETHEUS_URL": "",
        "ALERTMANAGER_LISTEN": f"{LOOPBACK}:{manager[1]}",
        "ALERTMANAGER_URL": "",
    }
    prometheus = PrometheusClient(f"http://{LOOPBACK}:{own[1]}", timeout=5)
    async with served(tg, home, **settings):
        await answers(prometheus, f"count(host:cpu_busy:ratio) == {len(hosts)}", SOON_S)
        yield prometheus
    prometheus.close()


async def test_trouble_is_told_once_and_its_end_too(
    tg: Telegram, prometheus: PrometheusClient, hosts: list[LabHost], tmp_path: Path
) -> None:
    began = time.monotonic()
    web1, web2, web3 = hosts
    await asyncio.to_thread(web3.cut)
    await burdened(tg, web1, web2, tmp_path)
    await relieved(tg, web1, web2)
    await told(tg, "🔴 AgentDown · web3", within=LOST_S)
    await answers(prometheus, 'ALERTS{alertname="MineToo",alertstate="firing"}', SOON_S)
    await asyncio.to_thread(web3.join)
    await told(tg, "✅ AgentDown · web3 · ended", within=LOST_S)

    # Now all of them, and by somebody who says so: it is known at once.
    await asyncio.sleep(max(0.0, began + SETTLED_S - time.monotonic()))
    for host in hosts:
        await asyncio.to_thread(host.reset)
    await told(tg, "🔴 ControlNodeCutOff · Server · 3")
    await answers(prometheus, 'count(ALERTS{alertname="MineToo",alertstate="firing"}) == 3', SOON_S)
    for host in hosts:
        await asyncio.to_thread(host.undrop)
    await told(tg, "✅ ControlNodeCutOff · Server · ended", within=LOST_S)

    assert stories(tg) == [
        "🔴 AgentDown web3, ✅ AgentDown web3",
        "🔴 ControlNodeCutOff Server, ✅ ControlNodeCutOff Server",
        "🟡 AgentHighCPU web1, ✅ AgentHighCPU web1",
        "🟡 AgentHighDisk web1, ✅ AgentHighDisk web1",
        "🟡 AgentHighMemory web2, ✅ AgentHighMemory web2",
    ]
    assert "MineToo" not in str(tg.calls), "what somebody's own rule says of a host that is down"


async def burdened(tg: Telegram, web1: LabHost, web2: LabHost, folder: Path) -> None:
    """Too much for processor and disk of one host and the memory of another, by thresholds set in the chat."""
    for host, metric, value in (("web1", "cpu", "40"), ("web2", "mem", "80")):
        await tg.say(ANN, f"/threshold {host} {metric} {value}")
        await told(tg, f"🎚 {metric} · host {host} · {value}%")
    await asyncio.to_thread(burn, web1)
    await asyncio.to_thread(fill_memory, web2, 0.88)
    await asyncio.to_thread(small_disk, web1, folder, "/srv/small")
    await asyncio.to_thread(web1.run, "head -c 21M /dev/zero >/srv/small/full || true")

    busy = await told(tg, "🟡 AgentHighCPU · web1 · ")
    assert "over 40% (host web1)" in busy.text
    memory = await told(tg, "🟡 AgentHighMemory · web2 · 8")
    assert "over 80% (host web2)" in memory.text
    disk = await told(tg, "🟡 AgentHighDisk · web1 · /srv/small · ")
    assert "over 90% · " in disk.text
    top = await tg.expect(lambda item: item.reply_to == busy.message_id and item.text.startswith("⚙"), within=SOON_S)
    assert top.text.startswith("⚙ web1 · sh\n"), "what keeps it busy"


async def relieved(tg: Telegram, web1: LabHost, web2: LabHost) -> None:
    """The end of all that."""
    await asyncio.to_thread(relieve, web1, "burn")
    await asyncio.to_thread(relieve, web2, "hog")
    await asyncio.to_thread(web1.run, "rm /srv/small/full")
    for name, host in (("AgentHighCPU", "web1"), ("AgentHighMemory", "web2"), ("AgentHighDisk", "web1")):
        ended = await told(tg, f"✅ {name} · {host} · ended")
        assert re.search(r"lasted .* · peak \d+%", ended.text)


def stories(tg: Telegram) -> list[str]:
    """Each message about an alert of hosts: what it was when it was sent, and after each edit.

    On a machine as busy as this one there may also be some about ourselves.
    """
    alerts = [item.versions for item in tg.in_chat(ANN.id) if re.match("[🔴🟡🔵✅] [A-Z]", item.text)]
    heads = [", ".join(" ".join(version.split("\n")[0].split(" · ")[:2]) for version in each) for each in alerts]
    return sorted(head for head in heads if " Orchestrator" not in head)


async def told(tg: Telegram, start: str, within: float = SOON_S) -> Shown:
    """Wait for a message that begins so."""
    return await tg.expect(lambda item: item.text.startswith(start), within=within)
