"""What systemd hears from us, on a socket of its kind."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.systemd.notify import Systemd


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """Where a service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(tmp_path / "notify"))
        there.setblocking(False)
        yield there


def manager(there: socket.socket, **more: str) -> Systemd:
    """Us, started by it."""
    return Systemd({"NOTIFY_SOCKET": there.getsockname(), **more})


async def next_word(there: socket.socket) -> str:
    async with asyncio.timeout(5):
        return (await asyncio.get_running_loop().sock_recv(there, 1000)).decode()


async def test_ready_then_signs_of_life_then_stopping(heard: socket.socket) -> None:
    async with manager(heard, WATCHDOG_USEC="300000", WATCHDOG_PID=str(os.getpid())).told(lambda: ""):
        assert await next_word(heard) == "READY=1\nSTATUS=serving"
        signs = [(await next_word(heard), asyncio.get_running_loop().time()) for _ in range(5)]
        assert {word for word, _ in signs} == {"WATCHDOG=1"}
        assert min(b - a for (_, a), (_, b) in pairwise(signs)) < 0.25, "sooner than the time is up"
    while (word := await next_word(heard)) == "WATCHDOG=1":
        pass
    assert word == "STOPPING=1\nSTATUS=stopping"


async def test_trouble_that_a_new_process_would_mend_ends_the_signs_of_life(heard: socket.socket) -> None:
    trouble = ""
    async with manager(heard, WATCHDOG_USEC="60000").told(lambda: trouble):
        assert (await next_word(heard)).startswith("READY=1")
        assert await next_word(heard) == "WATCHDOG=1"
        trouble = "polling Telegram hangs"
        while (word := await next_word(heard)) == "WATCHDOG=1":
            pass
        assert word == "STATUS=polling Telegram hangs"
        with pytest.raises(BlockingIOError):
            await asyncio.sleep(0.2)
            heard.recv(1000)
        trouble = ""
        assert [await next_word(heard), await next_word(heard)] == ["STATUS=serving", "WATCHDOG=1"]


async def test_a_loop_that_does_not_turn_keeps_silent(heard: socket.socket) -> None:
    async with manager(heard, WATCHDOG_USEC="60000").told(lambda: ""):
        assert (await next_word(heard)).startswith("READY=1")
        assert await next_word(heard) == "WATCHDOG=1"
        os.set_blocking(heard.fileno(), True)
        heard.settimeout(0.3)  # the loop stands still here
        with pytest.raises(TimeoutError):
            while True:
                heard.recv(1000)
        heard.setblocking(False)


@pytest.mark.parametrize(
    ("given", "within"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_how_often_it_wants_to_hear(given: dict[str, str], within: float | None) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/systemd/notify", **given}).watchdog == within
    assert Systemd(given).watchdog is None, "nobody asks"


async def test_without_systemd_nothing_is_said_or_needed() -> None:
    async with Systemd({}).told(lambda: "never asked"):
        pass


async def test_a_systemd_that_is_gone_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).told(lambda: ""):
        assert "systemd cannot be told READY=1" in caplog.text


async def test_an_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(f"\0orchestrator-test-{os.getpid()}")
        Systemd({"NOTIFY_SOCKET": f"@orchestrator-test-{os.getpid()}"}).tell("READY=1")
        assert there.recv(100) == b"READY=1"
