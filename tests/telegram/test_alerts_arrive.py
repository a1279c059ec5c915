"""From a scrape that fails to a message, and to its end: `serve` with its own Prometheus and Alertmanager."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.alerts.alertmanager import Alertmanager
from orchestrator.monitor.alerting import alerting, alertmanager_configuration
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.configure import Wiring
from tests import sshd
from tests.alerts.alertmanager import quick
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers
from tests.telegram.emulator import ANN, Telegram
from tests.telegram.served import make_home, served

HOSTS = (
    "web: {{hosts: {{web1: {{address: {web1.address}, port: {web1.port}, user: {web1.user}, exporter: {port}}}}}}}\n"
)
RULE = """\
groups:
  - name: mine
    interval: 1s
    rules:
      - alert: MyExporterGone
        expr: up{host="web1"} == 0
        labels: {severity: critical}
        annotations: {summary: "nobody answers on <web1>"}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 1) as hosts:
        yield hosts


@pytest.fixture
def exporter() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
async def alertmanager(
    tg: Telegram, tmp_path: Path, fleet: sshd.Fleet, exporter: ExitStack
) -> AsyncIterator[Alertmanager]:
    """The program, serving, with times of somebody who wants to see things soon; and its Alertmanager, to be asked."""
    home, (web1,) = make_home(tmp_path, fleet), fleet.hosts()
    listen, own, manager = ((LOOPBACK, sshd.free_port(LOOPBACK)) for _ in range(3))
    port = exporter.enter_context(node_exporter(LOOPBACK))
    (home / "inventory" / "hosts.yml").write_text(HOSTS.format(web1=web1, port=port))
    folder = home / "prometheus"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "mine.yml").write_text(RULE)
    url = f"http://{LOOPBACK}:{manager[1]}"
    body = Wiring(own, listen, alerting(url)).body.replace("15s", "1s").replace("10s", "1s").replace("5s", "1s")
    (folder / "prometheus.yml").write_text(body)
    (folder / "alertmanager.yml").write_text(quick(alertmanager_configuration(listen, home / "state" / "alerts-token")))
    settings = {
        "LISTEN": f"{LOOPBACK}:{listen[1]}",
        "PROMETHEUS_LISTEN": f"{LOOPBACK}:{own[1]}",
        "PROMETHEUS_URL": "",
        "ALERTMANAGER_LISTEN": f"{LOOPBACK}:{manager[1]}",
        "ALERTMANAGER_URL": "",
    }
    prometheus = PrometheusClient(f"http://{LOOPBACK}:{own[1]}", timeout=5)
    async with served(tg, home, **settings):
        await answers(prometheus, 'up{host="web1"} == 1')
        yield Alertmanager(url)
    prometheus.close()


async def test_an_alert_arrives_and_ends(tg: Telegram, alertmanager: Alertmanager, exporter: ExitStack) -> None:
    exporter.close()
    fires = await tg.expect(lambda item: "MyExporterGone" in item.text, within=30)
    assert fires.text.startswith("🔴 MyExporterGone · web1")
    assert "nobody answers on <web1>" in fires.text
    (known,) = [each for each in await alertmanager.alerts() if each.alert.name == "MyExporterGone"]
    assert (known.alert.host, known.receivers) == ("web1", ("orchestrator",))

    port = int(known.alert.labels["instance"].rpartition(":")[2])
    exporter.enter_context(node_exporter(LOOPBACK, port))
    ended = await tg.expect(lambda item: item.text.startswith("✅ MyExporterGone · web1"), within=30)
    assert ended.message_id == fires.message_id

    # That the way works is watched; a Prometheus that has just come sends its first Watchdog after a minute.
    await tg.say(ANN, "/status")
    status = await tg.expect(lambda item: "alerts heard" in item.text)
    assert re.search(r"alerts heard +(not yet|\d+ s ago)\n", status.text)
