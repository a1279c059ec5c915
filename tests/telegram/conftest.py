"""Fixtures of the Telegram suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.telegram.emulator import Telegram
from tests.telegram.face import Running, serving


@pytest.fixture
async def tg(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Telegram]:
    """A Bot API that nobody talks to yet."""
    # A proxy of this machine must not carry what is meant for loopback.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with Telegram() as telegram:
        yield telegram


@pytest.fixture
async def bot(tg: Telegram, tmp_path: Path) -> AsyncIterator[Running]:
    """A face with the tests' own commands, which serves ANN and MEI."""
    async with serving(tg, tmp_path) as running:
        yield running
