"""`/logins` in Telegram: lines in a log that the inventory names become messages, lists and pictures."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image

from tests import sshd
from tests.telegram.emulator import ANN, MEI, Telegram
from tests.telegram.served import Served, make_home, served

VISITOR, STRANGER = "203.0.113.9", "198.51.100.7"
LOGIN = "sshd: Accepted publickey for {user} from {address} port {port} ssh2: ED25519 SHA256:" + "A" * 43
FAILURE = "sshd: Failed password for {user} from {address} port {port} ssh2"
LEFT = "sshd: Disconnected from user {user} {address} port {port}"


class Sshd:
    """What a host's sshd would log."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def says(self, template: str, user: str, address: str, port: int = 4022) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._log.open("a") as log:
            log.write(f"{stamp} web1 {template.format(user=user, address=address, port=port)}\n")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 1) as hosts:
        yield hosts


@pytest.fixture
async def host(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> AsyncIterator[Sshd]:
    """Web1, whose log is followed by the program that serves."""
    home, log = make_home(tmp_path, fleet), tmp_path / "sshd.log"
    log.touch()
    inventory = home / "inventory" / "hosts.yml"
    inventory.write_text(inventory.read_text().replace("web1: {", f'web1: {{login_log: "{log}", '))
    async with served(tg, home) as running:
        await _followed(running)
        yield Sshd(log)


async def _followed(running: Served) -> None:
    """Return when web1's log is."""

    def figures() -> str:
        with urlopen(f"http://127.0.0.1:{running.port}/metrics", timeout=5) as answer:
            return str(answer.read(), "utf-8")

    end = time.monotonic() + 40
    while 'orchestrator_logins_followed{host="web1"} 1.0' not in await asyncio.to_thread(figures):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


async def test_who_came_in_is_told_listed_and_drawn(tg: Telegram, host: Sshd) -> None:
    host.says(LOGIN, "ann", VISITOR)
    told = await tg.expect(lambda item: "ann logged in to web1" in item.text, within=20)
    host.says(LEFT, "ann", VISITOR)
    ended = await tg.expect(lambda item: "session ended" in item.text, within=20)
    assert ended.message_id == told.message_id
    for number in range(30):
        host.says(FAILURE, "root" if number % 3 else "admin", STRANGER, 4100 + number)
    await tg.expect(lambda item: STRANGER in item.text and "30" in item.text, within=40)

    await tg.say(ANN, "/logins web1")
    listed = await tg.expect(lambda item: item.text.startswith("🔑 Logins · web1 · last: ann"), within=20)
    assert "web1 · 30×" in listed.text
    assert "root(20) admin(10)" in listed.text
    await tg.say(MEI, "/logins failed")
    failed = await tg.expect(lambda item: item.text.startswith("🚪 登入失敗"), within=20)
    assert VISITOR not in failed.text

    for label, sign, size in (("Chart", "• 24 h", (1280, 720)), ("Heat map", "• 4 weeks", (1280, 820))):
        await tg.tap(listed, label)
        drawn = await tg.expect(lambda item, sign=sign: sign in item.labels, within=40)  # type: ignore[misc]
        assert drawn.text.startswith("🔑 1 login · 30 failed logins · web1")
        assert drawn.picture
        assert Image.open(io.BytesIO(drawn.picture)).size == size
    await tg.tap(drawn, "12 weeks")
    wider = await tg.expect(lambda item: "• 12 weeks" in item.labels, within=20)
    assert wider.message_id == drawn.message_id

    await tg.tap(told, "Last logins")
    last = await tg.expect(lambda item: item.text.startswith(f"🔑 Logins · web1 · ann · {VISITOR}"), within=20)
    assert last.text.count("ann · web1") == 1


async def test_what_is_known_is_not_told_but_listed(tg: Telegram, host: Sshd) -> None:
    await tg.say(ANN, "/logins known 203.0.113.0/24 web")
    await tg.expect(lambda item: item.text == "🔑 from 203.0.113.0/24: not told · group web", within=20)
    host.says(LOGIN, "ann", VISITOR)
    host.says(LOGIN, "bob", STRANGER)
    await tg.expect(lambda item: "bob logged in to web1" in item.text, within=20)
    assert not [item for item in tg.in_chat(ANN.id) if "ann logged in" in item.text]
    await tg.say(ANN, "/logins")
    listed = await tg.expect(lambda item: item.text.startswith("🔑 Logins · last: bob"), within=20)
    assert "ann · web1" in listed.text
