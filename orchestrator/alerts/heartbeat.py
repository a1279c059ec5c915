"""A sign of life for somebody else to miss: an address that is asked every minute while all is well."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from pydantic import SecretStr

from orchestrator.errors import OrchestratorError

log = logging.getLogger(__name__)

EVERY_S = 60.0
WITHIN_S = 10.0


@asynccontextmanager
async def beating(url: SecretStr | None, ailment: Callable[[], Awaitable[str]]) -> AsyncIterator[None]:
    """A `Heartbeat` while the block lasts, if there is an address for one."""
    if url is None:
        yield
        return
    task = asyncio.create_task(Heartbeat(url, ailment).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Heartbeat:
    """Asks `url`, whose path is a secret, every `every` seconds while `ailment` gives no reason not to."""

    def __init__(self, url: SecretStr, ailment: Callable[[], Awaitable[str]], *, every: float = EVERY_S) -> None:
        self._url = url
        self._ailment = ailment
        self._every = every
        self._told = ""

    async def run(self) -> None:
        """Beat until cancelled. That it stays away, or is not taken, is logged when that changes."""
        while True:
            try:
                problem = await self._beat()
            except OrchestratorError as error:
                problem = str(error)
            if problem and problem != self._told:
                log.warning("no heartbeat to %s: %s", self._shown, problem)
            elif self._told and not problem:
                log.info("the heartbeat goes to %s again", self._shown)
            self._told = problem
            await asyncio.sleep(self._every)

    @property
    def _shown(self) -> str:
        """The address without what is secret in it."""
        parts = urlsplit(self._url.get_secret_value())
        return f"{parts.scheme}://{parts.hostname}/…"

    async def _beat(self) -> str:
        if ailment := await self._ailment():
            return ailment
        import aiohttp  # 0.1 s to import

        timeout = aiohttp.ClientTimeout(total=WITHIN_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                # A redirection leads to a page to log in to, most often, which would answer 200 to anybody.
                session.get(self._url.get_secret_value(), allow_redirects=False) as answer,
            ):
                return "" if answer.status < 300 else f"it answers {answer.status}"
        except TimeoutError:
            return f"no answer within {WITHIN_S:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The text of an error has the address in it.
            return f"the connection failed ({type(error).__name__})"
