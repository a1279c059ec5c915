"""Readings and charts in the chat: the whole program with its own Prometheus, scraping real exporters through sshd."""

from __future__ import annotations

import io
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.monitor.client import PrometheusClient
from orchestrator.settings import ChatTarget
from orchestrator.store import Database, Outbox
from orchestrator.summary import LETTER
from tests import sshd
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers
from tests.telegram.emulator import ANN, MEI, Shown, Telegram
from tests.telegram.served import make_home, served

PERCENT = re.compile(r"\d+%")
HOSTS = """\
all:
  vars: {{user: {user}}}
  children:
    web:
      hosts:
        web1: {{address: {web1.address}, port: {web1.port}, exporter: "127.0.0.1:{exporter}"}}
        web2: {{address: {web2.address}, port: {web2.port}, exporter: "127.0.0.1:{nobody}"}}
    db:
      hosts:
        db1: {{address: 127.0.0.77, port: {dead}}}
"""
# As somebody may edit it who wants to see things soon.
QUICK = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: orchestrator-hosts
    http_sd_configs: [{{url: "http://127.0.0.1:{listen}/sd", refresh_interval: 1s}}]
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 2) as hosts:
        yield hosts


@pytest.fixture
async def prometheus(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> AsyncIterator[None]:
    """The program, serving, with web1 scraped, web2 without an exporter, and db1 down; and its Prometheus."""
    home, (web1, web2) = make_home(tmp_path, fleet), fleet.hosts()
    listen, own, nobody = (sshd.free_port(LOOPBACK) for _ in range(3))
    (home / "prometheus").mkdir()
    (home / "prometheus" / "prometheus.yml").write_text(QUICK.format(listen=listen))
    with node_exporter(LOOPBACK) as exporter:
        dead = sshd.free_port("127.0.0.77")
        text = HOSTS.format(user=web1.user, web1=web1, web2=web2, exporter=exporter, nobody=nobody, dead=dead)
        (home / "inventory" / "hosts.yml").write_text(text)
        settings = {"LISTEN": f"{LOOPBACK}:{listen}", "PROMETHEUS_LISTEN": f"{LOOPBACK}:{own}", "PROMETHEUS_URL": ""}
        client = PrometheusClient(f"http://{LOOPBACK}:{own}", timeout=5)
        async with served(tg, home, **settings):
            await answers(client, 'rate(node_cpu_seconds_total{host="web1"}[2m])')
            await answers(client, 'up{host="db1"} == 0 and on () up{host="web2"} == 0')
            yield
        client.close()


def picture(item: Shown) -> Image.Image:
    """The picture of a message, which is one that a phone can show whole."""
    assert item.picture
    image = Image.open(io.BytesIO(item.picture)).convert("RGB")
    assert image.size == (1280, 720)
    return image


@pytest.mark.usefixtures("prometheus")
async def test_readings_and_charts(tg: Telegram, tmp_path: Path) -> None:
    # The value of one host: Prometheus has it.
    await tg.say(ANN, "/mon_cpu web1")
    value = await tg.expect(lambda item: "web1" in item.text and bool(item.labels), within=20)
    assert re.match(r"(🟢|🟡) CPU · web1 · \d+%\nas of \d\d:", value.text)
    assert value.labels == ["↻", "1 h", "6 h", "24 h", "7 d", "Top"]

    # A chart of it, in a message of its own, with the figures under it.
    await tg.tap(value, "1 h")
    chart = await tg.expect(lambda item: item.picture is not None, within=30)
    assert chart.message_id > value.message_id
    assert re.match(
        r"📈 CPU · web1 · \d+%\nlast \d+% · average \d+% · highest \d+%\nℹ Data since .*\n(\S+ )?\d\d:", chart.text
    )
    assert "• 1 h" in chart.labels
    light = picture(chart)
    assert light.getpixel((2, 2)) == (255, 255, 255)

    # Another range edits it; so does the dark style, which is remembered.
    await tg.tap(chart, "24 h")
    day = await tg.expect(lambda item: "• 24 h" in item.labels)
    assert day.message_id == chart.message_id
    await tg.tap(day, "◐")
    dark = await tg.expect(lambda item: item.picture is not None and picture(item).getpixel((2, 2)) != (255, 255, 255))
    assert dark.message_id == chart.message_id
    await tg.say(ANN, "/mon_mem_picture web1 30")
    memory = await tg.expect(lambda item: "Memory" in item.text and item.picture is not None)
    assert picture(memory).getpixel((2, 2)) == picture(dark).getpixel((2, 2))

    # Several hosts: those without data are named with the reason, never drawn as zero.
    await tg.say(MEI, "/mon_mem_picture all")
    several = await tg.expect(lambda item: item.picture is not None and "記憶體" in item.text, within=20)
    assert re.search(r"沒有資料：.*db1（|沒有資料：.*db1 \(", several.text)
    assert "web2 (它的 exporter 沒有回應)" in several.text
    assert picture(several).getpixel((2, 2)) == (255, 255, 255)
    await tg.say(MEI, "/mon_cpu all")
    table = await tg.expect(lambda item: "3 台主機" in item.text and "CPU" in item.text, within=20)
    assert re.search(r"web1 +\d+%", table.text)
    assert re.search(r"web2 +\d+%", table.text), "asked directly, as it has no exporter"
    assert re.search(r"⚪ db1 +\S", table.text)
    assert not re.search(r"db1.*\d%", table.text)

    # Nothing to draw says why. Around a time that was before the first sample:
    await tg.say(ANN, "/mon_cpu_picture web2 10")
    none = await tg.expect(lambda item: "No CPU data" in item.text)
    assert "web2: its exporter does not answer" in none.text
    await tg.say(ANN, "/mon_cpu_picture web1 2560 10")
    await tg.expect(lambda item: "2560 is not a time of day" in item.text)
    # A value now there is all the same: from the host itself, and that is said.
    await tg.say(ANN, "/mon_disk web2")
    disk = await tg.expect(lambda item: "Disk · web2" in item.text, within=20)
    assert PERCENT.search(disk.text)
    assert "Asked directly: its exporter does not answer." in disk.text
    # Without an agent it is the control node.
    await tg.say(ANN, "/mon_mem")
    server = await tg.expect(lambda item: "Memory · Server" in item.text, within=20)
    assert PERCENT.search(server.text)

    # Pictures of the fleet are messages of their own, and change in place.
    await tg.say(ANN, "/agents")
    agents = await tg.expect(lambda item: "Card" in item.labels and "asking" not in item.text, within=30)
    await tg.tap(agents, "Card")
    card = await tg.expect(lambda item: item.picture is not None and "🔴 db1" in item.text, within=30)
    assert re.match(
        r"🖥 3 hosts · .*1 down · .*1 unknown\n🔴 db1 · down .*\n(🟡 web1 .*\n)?⚪ web2 · its exporter", card.text
    )
    await tg.tap(card, "7 d")
    assert (await tg.expect(lambda item: "• 7 d" in item.labels and "db1" in item.text)).message_id == card.message_id

    # The daily summary comes by itself, with its picture, from whichever process put it into the outbox.
    database = await Database.open(tmp_path / "home" / "state" / "orchestrator.db")
    outbox = Outbox(database, [ChatTarget(ANN.id)])
    await outbox.add(LETTER, {"at": time.time(), "alerts": 2}, key="summary of a test")
    told = await tg.expect(lambda item: item.text.startswith("🗓 3 hosts"), within=30)
    assert told.picture
    assert "2 alerts in the last 24 h\n🔴 db1" in told.text
    await database.close()
