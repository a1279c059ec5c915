"""An alert from Alertmanager's webhook to the chats of its host, through the whole program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from orchestrator.alerts.token import NAME
from tests import sshd
from tests.alerts.webhook import message, raw
from tests.telegram.emulator import ANN, MEI, Shown, Telegram
from tests.telegram.served import Served, make_home, served
from tests.telegram.test_outbox import GROUP, TOPIC

CHATS = f'alert_chats: ["{GROUP}:{TOPIC}", {ANN.id}]\n'

SOON_S = 60.0  # on a busy machine


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 1) as hosts:
        yield hosts


async def post(running: Served, *alerts: dict[str, object]) -> None:
    """As Alertmanager does, which tries until somebody listens."""
    url = f"http://127.0.0.1:{running.port}/alerts"
    async with asyncio.timeout(SOON_S), aiohttp.ClientSession() as session:
        while True:
            try:
                token = (running.home / "state" / NAME).read_text().strip()
                said = {"Authorization": f"Bearer {token}"}
                async with session.post(url, data=message(*alerts), headers=said) as answer:
                    assert answer.status == 200, await answer.text()
                    return
            except (FileNotFoundError, aiohttp.ClientConnectionError):
                await asyncio.sleep(0.05)


async def test_an_alert_and_what_is_done_with_it(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> None:
    home = make_home(tmp_path, fleet)
    (home / "inventory" / "group_vars").mkdir()
    (home / "inventory" / "group_vars" / "web.yml").write_text(CHATS)
    began = time.time() - 5
    async with served(tg, home, ALERT_CHAT_ID=str(MEI.id)) as running:
        await post(running, raw("web1", starts=began), raw("db1", "AgentDown", starts=began))

        def of(chat: int, start: str) -> Shown | None:
            found = [item for item in tg.in_chat(chat) if item.text.startswith(start)]
            return found[0] if found else None

        ann = await tg.expect(
            lambda item: item.chat_id == ANN.id and "AgentHighCPU · web1 · 97%" in item.text, within=SOON_S
        )
        group = await tg.expect(lambda item: item.chat_id == GROUP and "AgentHighCPU" in item.text, within=SOON_S)
        assert group.topic_id == TOPIC
        await tg.expect(lambda item: item.chat_id == MEI.id and "AgentDown · db1" in item.text, within=SOON_S)
        assert not of(MEI.id, "🟡 AgentHighCPU"), "web has chats of its own"
        top = await tg.expect(lambda item: item.chat_id == ANN.id and item.text.startswith("⚙ web1 · "), within=SOON_S)
        assert (top.reply_to, top.silent) == (ann.message_id, True)

        await running.crash()
        await tg.tap(ann, "I look after it")
        await tg.expect(lambda item: item is ann and "👤 Ann looks after it" in item.text, within=SOON_S)
        await tg.expect(lambda item: item is group and "👤 Ann looks after it" in item.text, within=SOON_S)
        await tg.tap(ann, "1 h")
        away = await tg.expect(
            lambda item: item.chat_id == ANN.id and "Alertmanager gives no answer" in item.text, within=SOON_S
        )
        assert "🔕" not in ann.text, "what could not be muted is not shown as muted"
        assert not away.silent

        await post(running, raw("web1", starts=began, ends=began + 65))
        for item in (ann, group):
            await tg.expect(lambda each, item=item: each is item and "lasted 1 min 5 s" in each.text, within=SOON_S)  # type: ignore[misc]
            assert item.text.startswith("✅ AgentHighCPU · web1 · ended")
            assert "👤 Ann looks after it" in item.text
