"""What the whole program serves on LISTEN while it serves the chat."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests import sshd
from tests.cli.command import orchestrator
from tests.monitor.endpoint import HERE, node_exporter
from tests.telegram.emulator import ANN, Telegram
from tests.telegram.served import make_home, served


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 2) as hosts:
        yield hosts


async def get(session: aiohttp.ClientSession, port: int, path: str) -> tuple[int, str]:
    async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_metrics_of_hosts_and_of_ourselves(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> None:
    home = make_home(tmp_path, fleet)
    with node_exporter(HERE) as exporter:
        hosts = home / "inventory/hosts.yml"
        hosts.write_text(hosts.read_text().replace("vars: {", f"vars: {{exporter: '{HERE}:{exporter}', "))
        async with served(tg, home) as program, aiohttp.ClientSession() as session:
            await tg.say(ANN, "/op_exec web true")
            question = await tg.expect(lambda item: len(item.labels) == 3, within=30)
            await tg.tap(question, question.labels[0])
            await tg.expect(lambda item: "✔" in item.text and "2" in item.text, after=question.message_id - 1)
            assert await get(session, program.port, "/healthz") == (200, "ok\n")
            targets = json.loads((await get(session, program.port, "/sd"))[1])
            assert [target["labels"]["host"] for target in targets] == ["web1", "web2", "db1"]
            status, text = await get(session, program.port, targets[0]["labels"]["__metrics_path__"])
            assert (status, "\nnode_load1 " in text) == (200, True)
            assert await get(session, program.port, "/hosts/db1/metrics") == (503, "db1: connection refused\n")
            own = (await get(session, program.port, "/metrics"))[1]
            figures = dict(re.findall(r"^(orchestrator_\S+) (\S+)$", own, re.MULTILINE))
            assert time.time() - float(figures["orchestrator_telegram_last_poll_timestamp_seconds"]) < 60
            assert float(figures['orchestrator_command_duration_seconds_count{status="ok"}']) == 2
            assert float(figures['orchestrator_scrape_duration_seconds_count{outcome="down"}']) == 1
            assert float(figures["orchestrator_outbox_messages"]) == 0

            hosts.write_text(re.sub(r"(?m)^ +web2: .*\n", "", hosts.read_text()))
            async with asyncio.timeout(10):
                while (await get(session, program.port, "/hosts/web2/metrics"))[0] != 404:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert "web2" not in (await get(session, program.port, "/sd"))[1], "an edit needs no restart"


def test_a_port_in_use_ends_it_with_the_setting_named(tmp_path: Path, fleet: sshd.Fleet) -> None:
    home = make_home(tmp_path, fleet)
    shutil.rmtree(home / "inventory")
    (home / "inventory").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        token = "123456789:" + "A" * 35
        ran = orchestrator(home, "serve", LISTEN=listen, BOT_TOKEN=token, ALLOWED_USERS="1")
    assert ran.status == 2
    assert f"LISTEN: {listen} is used by another program" in ran.err.splitlines()[-1]
