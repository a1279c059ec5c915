"""Telling systemd how we are, in its own words (sd_notify(3)): READY, WATCHDOG, STATUS and STOPPING."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

log = logging.getLogger(__name__)


class Systemd:
    """The service manager that started us; without one, everything here does nothing.

    `watchdog` is within how many seconds it wants to hear from us, each time; None when it does not watch.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = _watchdog(environ) if address else None

    def tell(self, *lines: str) -> None:
        """Send ``NAME=VALUE`` lines. What cannot be sent is lost, and logged: systemd will act as it must."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as way:
                way.connect(self._address)
                way.send("\n".join(lines).encode())
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", lines[0], error)

    @asynccontextmanager
    async def told(self, trouble: Callable[[], str]) -> AsyncIterator[None]:
        """While the block lasts we are ready, and systemd hears from us as often as it wants.

        It does so from the event loop: one that does not turn keeps silent, and so do we while `trouble` names what a
        new process would mend.
        """
        self.tell("READY=1", "STATUS=serving")
        watching = asyncio.create_task(self._keep_telling(trouble, self.watchdog)) if self.watchdog else None
        try:
            yield
        finally:
            self.tell("STOPPING=1", "STATUS=stopping")
            if watching:
                watching.cancel()
                await asyncio.wait([watching])

    async def _keep_telling(self, trouble: Callable[[], str], within: float) -> None:
        before = ""
        while True:
            now = trouble()
            if now != before:
                self.tell(f"STATUS={now or 'serving'}")
            if now and not before:
                log.error("%s: systemd is told nothing more, and will start a new process", now)
            if not now:
                self.tell("WATCHDOG=1")
            before = now
            await asyncio.sleep(within / 3)  # sd_watchdog_enabled(3) advises half of it; this leaves room for a stall


def _watchdog(environ: Mapping[str, str]) -> float | None:
    meant_for = environ.get("WATCHDOG_PID")
    given = environ.get("WATCHDOG_USEC", "")
    if not given.isdecimal() or not int(given) or meant_for not in (None, str(os.getpid())):
        return None
    return int(given) / 1e6
