"""The webhook over HTTP: who may speak, what is taken, and what is answered when it cannot be kept."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.receive import MOST_BYTES, Receiver
from orchestrator.alerts.token import webhook_token
from orchestrator.errors import SettingsError
from orchestrator.monitor.server import serving
from orchestrator.store import Database, Outbox
from tests import sshd
from tests.alerts.webhook import BEGAN, message, raw

LOOPBACK = "127.0.0.1"


@dataclass
class Ears:
    """A receiver on a port, and what it heard."""

    url: str
    receiver: Receiver
    book: AlertBook
    database: Database
    believed: bool = True
    heard: list[float] = field(default_factory=list)

    async def say(self, body: bytes, *, token: str | None = "right") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        data = io.BytesIO(body)
        async with aiohttp.ClientSession() as session, session.post(self.url, data=data, headers=headers) as answer:
            return answer.status, (await answer.text()).strip()

    async def firing(self) -> list[str]:
        return sorted(group.host for group in await self.book.current())


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[Ears]:
    database = await Database.open(folder / "state" / "db")
    book = AlertBook(database, Outbox(database), lambda *_: None)
    heard: list[float] = []
    receiver = Receiver(
        book, "right", watchdog="Watchdog", heard=lambda: heard.append(1), believed=lambda _: both.believed
    )
    port = sshd.free_port(LOOPBACK)
    both = Ears(f"http://{LOOPBACK}:{port}/alerts", receiver, book, database, heard=heard)
    async with serving((LOOPBACK, port), receiver.routes):
        yield both
    await database.close()


@pytest.fixture
async def ears(tmp_path: Path) -> AsyncIterator[Ears]:
    async with listening(tmp_path) as ears:
        yield ears


@pytest.mark.parametrize("token", [None, "", "wrong", "righ", "right2", "rïght"])
async def test_only_who_has_the_token_is_heard(ears: Ears, token: str | None) -> None:
    assert await ears.say(message(raw()), token=token) == (401, "the token is not ours")
    assert await ears.firing() == []


async def test_taken_and_repeated(ears: Ears) -> None:
    for _ in range(3):
        assert await ears.say(message(raw(), raw("web2"))) == (200, "told")
    assert await ears.firing() == ["web1", "web2"]
    assert await ears.say(message(raw(ends=BEGAN + 60), raw("web2"), raw("web3"))) == (200, "told")
    assert await ears.firing() == ["web2", "web3"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"alerts": {}}',
        b'{"alerts": [1]}',
        json.dumps({"alerts": [{**raw(), "status": "?"}]}).encode(),
        json.dumps({"alerts": [{**raw(), "labels": {"a": 1}}]}).encode(),
        json.dumps({"alerts": [{**raw(), "startsAt": "yesterday"}]}).encode(),
        json.dumps({"alerts": [{**raw(), "startsAt": "2024-01-01T00:00:00"}]}).encode(),
        b"1" * (MOST_BYTES + 1),
    ],
)
async def test_nonsense_is_refused_for_good(ears: Ears, body: bytes) -> None:
    status, why = await ears.say(body)
    assert status == 400
    assert why == ears.receiver.problem != ""


async def test_what_can_be_read_of_a_message_is_taken(ears: Ears, caplog: pytest.LogCaptureFixture) -> None:
    body = json.loads(message(raw()))
    body |= {"alerts": [{"status": "firing"}, *body["alerts"]], "unknown": 1, "truncatedAlerts": 7}
    assert await ears.say(json.dumps(body).encode()) == (200, "told")
    assert await ears.firing() == ["web1"]
    assert "labels are not texts" in caplog.text
    assert "left 7 alerts out" in caplog.text


async def test_the_watchdog_is_no_alert(ears: Ears) -> None:
    assert await ears.say(message(raw("Server", "Watchdog"))) == (200, "told")
    assert await ears.say(message(raw("Server", "Watchdog", ends=BEGAN + 1))) == (200, "told")
    assert (ears.heard, await ears.firing()) == ([1], [])


async def test_an_end_is_not_believed_while_prometheus_is_away(ears: Ears) -> None:
    await ears.say(message(raw()))
    ears.believed = False
    status, why = await ears.say(message(raw(ends=BEGAN + 60), raw("web2")))
    assert (status, why[:20]) == (503, "Prometheus is away, ")
    assert await ears.firing() == ["web1", "web2"]
    ears.believed = True
    assert await ears.say(message(raw(ends=BEGAN + 60), raw("web2"))) == (200, "told")
    assert await ears.firing() == ["web2"]


async def test_a_full_disk_is_told_to_who_repeats(ears: Ears, caplog: pytest.LogCaptureFixture) -> None:
    pages = (await ears.database.read(lambda tx: tx.execute("PRAGMA page_count").fetchone()))[0]
    await ears.database.read(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages}"))
    body = message(*(raw(f"web{number}", annotations={"summary": "x" * 900}) for number in range(200)))
    status, why = await ears.say(body)
    assert (status, why.startswith("not written down: ")) == (503, True)
    assert caplog.text.count("not taken: not written down: ") == 1
    assert await ears.firing() == []
    await ears.database.read(lambda tx: tx.execute("PRAGMA max_page_count = 1073741823"))
    assert await ears.say(body) == (200, "told")
    assert len(await ears.firing()) == 200


async def test_who_does_not_finish_is_not_waited_for(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.alerts.receive.WITHIN_S", 0.3)
    host, port = ears.url.removeprefix("http://").removesuffix("/alerts").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /alerts HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer right\r\nContent-Length: 9999\r\n\r\n{{"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()


def test_the_token_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "alerts-token"
    token = webhook_token(path)
    assert len(token) > 40
    assert webhook_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["alerts-token"]
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="others can read"):
        webhook_token(path)
    path.chmod(0o600)
    path.write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        webhook_token(path)
