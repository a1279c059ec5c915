"""Prometheus that is away, hangs, floods or is something else: told in one line, within its time, loop free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from orchestrator.monitor import client as module
from orchestrator.monitor.client import PrometheusClient, PrometheusError
from tests import sshd
from tests.monitor.prometheus import LOOPBACK
from tests.ssh.proxy import serving

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[PrometheusClient]:
    """A server that reads a request and then does as `answer` does, and somebody to ask it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)

    async with serving(LOOPBACK, serve) as port:
        client = PrometheusClient(f"http://somebody:secret@{LOOPBACK}:{port}", timeout=1)
        try:
            yield client
        finally:
            client.close()


def saying(body: bytes, status: bytes = b"200 OK") -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
        await writer.drain()

    return answer


async def hanging(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flooding(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b" " * (1 << 16))
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hanging, "no answer within 1 s"),
        (dripping, "its answer is too slow"),
        (flooding, "its answer is too long"),
        (saying(b"<html>nginx</html>"), "what answers is not Prometheus"),
        (saying(b"[1, 2]"), "what answers is not Prometheus"),
        (saying(b'{"data": {"result": [{"metric": {}, "value": "x"}]}}'), "what answers is not Prometheus"),
        (saying(b'{"error":"parse error"}', b"400 Bad Request"), "it answers 400"),
        (saying(b"<html>" + b"x" * 5000, b"502 Bad Gateway"), "it answers 502"),
        (saying(b"SSH-2.0-x\r\n"), "what answers is not Prometheus"),
    ],
)
async def test_no_use(answer: Answer, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1 << 20)
    async with answering(answer) as client:
        began = time.monotonic()
        turns = asyncio.create_task(_turns())
        with pytest.raises(PrometheusError, match=why) as caught:
            await client.query("up")
        assert time.monotonic() - began < 15
        turns.cancel()
        assert await turns < 3
        said = str(caught.value)
        assert "secret" not in said
        assert "\n" not in said
        assert len(said) < 300
        assert caught.value.exit_status == 4


async def _turns() -> float:
    """The longest time that the loop did not turn, until cancelled."""
    longest, last = 0.0, time.monotonic()
    while True:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            return longest
        now = time.monotonic()
        longest, last = max(longest, now - last), now


async def test_nobody_there() -> None:
    client = PrometheusClient(f"http://{LOOPBACK}:{sshd.free_port(LOOPBACK)}")
    began = time.monotonic()
    with pytest.raises(PrometheusError, match="connection refused"):
        await client.query_range("up", 0, 100, 15)
    assert time.monotonic() - began < 10, "it is not tried again"
    client.close()


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:{sshd.free_port(LOOPBACK)}")
    monkeypatch.delenv("no_proxy", raising=False)
    good = b'{"data": {"result": [{"metric": {"host": "a"}, "values": [[1, "2"], [3, "NaN"], [5, "+Inf"]]}]}}'
    async with answering(saying(good)) as client:
        (series,) = await client.query("x")
        assert series.labels == {"host": "a"}
        assert series.points == ((1.0, 2.0),), "what is no number is no reading"


async def test_many_questions_to_a_server_that_hangs_end_in_time() -> None:
    async with answering(hanging) as client:
        began = time.monotonic()
        ends = await asyncio.gather(*(client.query("up") for _ in range(40)), return_exceptions=True)
        assert all(isinstance(end, PrometheusError) for end in ends)
        assert time.monotonic() - began < 20
