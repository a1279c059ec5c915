"""The Bot API over HTTP: one client that can be replaced, and what its errors mean for a message under way."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import httpx
from pydantic import SecretStr
from telegram import Bot
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from orchestrator.bot.telegram.pace import Pace

# The library's own way to ask for its future types without a warning at every refusal.
os.environ.setdefault("PTB_TIMEDELTA", "true")

CONNECTIONS = 32
UPLOAD_S = 120.0  # a document may be 50 MB


class Fate(Enum):
    """What a failed call did."""

    REFUSED = auto()  # Telegram answered no: trying again is useless
    NOT_SENT = auto()  # it was not taken: trying again is safe
    UNKNOWN = auto()  # the answer was lost: it may have been taken


def fate_of(error: TelegramError | TimeoutError) -> Fate:
    """Judge the error of a call. The library has one class for connecting and for reading; the cause tells which."""
    if isinstance(error, BadRequest | Forbidden):
        return Fate.REFUSED
    cause = error.__cause__
    if isinstance(error, TelegramError) and (cause is None or isinstance(cause, TelegramError)):
        return Fate.NOT_SENT  # answered with a status other than 2xx, perhaps with a page that is not JSON
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Fate.NOT_SENT
    return Fate.UNKNOWN


def brief(error: Exception) -> str:
    """An error for a log line: the library quotes whole pages of a gateway, and names classes of its HTTP library."""
    return re.sub(r"^(?:httpx|httpcore)\.(?:\w+: )?", "", str(error) or type(error).__name__)[:200]


def seconds_asked(error: Exception) -> float:
    """How long Telegram asked to be left alone with a 429; 0 for any other error."""
    if not isinstance(error, RetryAfter):
        return 0.0
    asked = error.retry_after
    return asked.total_seconds() if isinstance(asked, timedelta) else float(asked)


class Client:
    """Holds the `bot` to call. Its methods raise `telegram.error.TelegramError`."""

    def __init__(self, token: SecretStr, api_url: str | None, pace: Pace) -> None:
        """`api_url` is the root of another Bot API server (``http://127.0.0.1:8081``); None is Telegram's own."""
        self._token = token
        self._api_url = api_url.rstrip("/") if api_url else "https://api.telegram.org"
        self._pace = pace
        self._requests: list[HTTPXRequest] = []
        self.bot = self._build()

    async def updates(self, offset: int, kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Long-poll for updates from `offset` on, as they came: one that cannot be read must not hide the others."""
        wait = self._pace.poll
        asked = {"offset": offset, "timeout": int(wait), "allowed_updates": kinds}
        updates: list[dict[str, Any]] = await self.bot.raw("getUpdates", asked, wait + self._pace.answer)
        return updates

    async def ping(self) -> None:
        """A harmless call: returns if Telegram answers."""
        await self.bot.get_me()

    async def replace(self) -> None:
        """Drop every connection and start afresh: new client, new name look-up, new sockets."""
        old, self._requests = self._requests, []
        self.bot = self._build()
        await self._shut(old)

    async def close(self) -> None:
        """Close every connection."""
        await self._shut(self._requests)

    def _build(self) -> _Bot:
        self._requests = [self._request(CONNECTIONS), self._request(2)]
        calls, polls = self._requests
        return _Bot(
            self._token.get_secret_value(),
            base_url=f"{self._api_url}/bot",
            base_file_url=f"{self._api_url}/file/bot",
            request=calls,
            get_updates_request=polls,
        )

    def _request(self, connections: int) -> HTTPXRequest:
        wait = self._pace.answer
        return _Request(
            connection_pool_size=connections,
            connect_timeout=wait,
            read_timeout=wait,
            write_timeout=wait,
            media_write_timeout=UPLOAD_S,
            pool_timeout=wait,
        )

    async def _shut(self, requests: list[HTTPXRequest]) -> None:
        for request in requests:
            # A client that hangs while it is closed is just left to the garbage collector.
            with suppress(Exception):
                async with asyncio.timeout(self._pace.answer):
                    await request.shutdown()


class _Request(HTTPXRequest):
    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Let nothing pass for an answer that a gateway or a login page made up."""
        answer = HTTPXRequest.parse_json_payload(payload)
        if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
            raise TelegramError("what answers is not the Bot API")
        return answer


class _Bot(Bot):
    async def raw(self, method: str, data: dict[str, Any], read_timeout: float) -> Any:
        return await self._post(method, data, read_timeout=read_timeout)


async def introduced(token: SecretStr, api_url: str | None) -> str:
    """Our own name at Telegram, asked once. Raises OSError when it does not answer, ValueError when it refuses."""
    client = Client(token, api_url, Pace())
    try:
        return (await client.bot.get_me()).username or ""
    except InvalidToken:
        raise ValueError("Telegram rejects the token") from None
    except TelegramError as error:
        raise OSError(f"Telegram does not answer: {brief(error)}") from None
    finally:
        await client.close()
