"""The prepared shells that a run holds open: a few for each host and identity, lent to one task at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh.shell import Shell

Opener = Callable[[Host, Become | None], Shell]

# Many hosts may delegate to one. sshd allows ten sessions a connection, and others want some of them.
_PER_IDENTITY = 4


@dataclass(slots=True)
class _Rack:
    """The shells of one host and identity: `places` counts those that may still be lent."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PER_IDENTITY))
    idle: list[Shell] = field(default_factory=list)
    all: list[Shell] = field(default_factory=list)


class Shells:
    """Lends shells that `opener` makes, and closes them at the end."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._racks: dict[tuple[Host, Become | None], _Rack] = {}

    @asynccontextmanager
    async def lend(self, host: Host, become: Become | None) -> AsyncIterator[Shell]:
        """A shell on `host` as `become`, for as long as the block lasts; waits when too many are out."""
        rack = self._racks.setdefault((host, become), _Rack())
        async with rack.places:
            if rack.idle:
                shell = rack.idle.pop()
            else:
                shell = self._opener(host, become)
                rack.all.append(shell)
            try:
                yield shell
            finally:
                rack.idle.append(shell)

    def renew(self, host: Host) -> None:
        """What is asked of `host` from now on goes over a fresh connection. Shells that are lent stay as they are."""
        idle = [shell for (at, _), rack in self._racks.items() if at == host for shell in rack.idle]
        for shell in idle or [self._opener(host, None)]:
            shell.renew()

    async def close(self) -> None:
        """Close all, side by side."""
        racks = list(self._racks.values())
        self._racks.clear()
        await self._close(racks)

    async def _close(self, racks: list[_Rack]) -> None:
        await asyncio.gather(*(shell.close() for rack in racks for shell in rack.all), return_exceptions=True)
