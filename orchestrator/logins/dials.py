"""Our own connections, noted as they begin: whatever follows a host's log knows its line of them by address and port.

How a host sees us is asked as well (`greeting`), which NAT does not mislead. But that answer comes after the login, and
from one process, over one way; a control node may have several.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orchestrator.errors import StoreError
from orchestrator.inventory.model import Host
from orchestrator.logins.text import address as spelled
from orchestrator.store.logindials import LoginDials

log = logging.getLogger(__name__)

WITHIN_S = 2.0
"""Longer no connection waits for a database that is busy."""


def noting(dials: LoginDials) -> Callable[[Host, str, int], Awaitable[None]]:
    """What a Pool is to call with each connection."""

    async def note(host: Host, address: str, port: int) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                await dials.note(host.name, spelled(address), port)
        except (StoreError, TimeoutError) as error:
            log.debug("a connection to %s is not noted as our own: %s", host.name, error)

    return note
