"""Proving a new way in, or the end of one, over a connection of its own; only our keys are offered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from orchestrator.bootstrap.model import Root, Step, Surveyed
from orchestrator.bootstrap.names import wants_exporter
from orchestrator.bootstrap.ways import as_account
from orchestrator.errors import OrchestratorError
from orchestrator.fleet import clean_line
from orchestrator.fleet.hostctl import INSTALLED, UnreadableAnswer, read_frame
from orchestrator.inventory import Host
from orchestrator.ssh import Command, Pool, PortClosed, Status

_VERB = "vitals"
# As the sudo rule allows it and nothing else; not through HostCtl, which would do without sudo.
_REQUEST = Command(f"echo {_VERB} | sudo -n {INSTALLED} request", timeout=30)
_SCRAPE_TIMEOUT = 15.0
_MOST = 8 << 20
_SIGN = b"node_exporter_build_info"
_ASKS_FOR_TLS = b"Client sent an HTTP request to an HTTPS server"


@dataclass(frozen=True, slots=True)
class Proof:
    """Looks at hosts over `pool`, which must have no connection to them yet and no passwords."""

    pool: Pool

    async def of_the_new_way(
        self, found: Surveyed, places: Sequence[tuple[str, int]], *, exporter: bool, stop: asyncio.Event
    ) -> AsyncIterator[Step]:
        """The steps that show that `found` is managed, and the way to the `places` behind it is open.

        The first that is not done is the last.
        """
        host = as_account(found)
        checks: list[tuple[str, Callable[[Host], Awaitable[tuple[bool | None, str]]]]] = [("verify", self._login)]
        if found.root is not Root.NONE:
            sudo = self._hostctl if found.facts and found.facts.sudo and found.account != "root" else _without_sudo
            checks.append(("hostctl", sudo))
        if places:
            checks.append(("forward", lambda host: self._forward(host, places)))
        if exporter and wants_exporter(found.host):
            checks.append(("exporter", self._exporter))
        for name, check in checks:
            if stop.is_set():
                yield Step(host.name, name, False, "stopped before it was looked at")
                return
            done, detail = await check(host)
            yield Step(host.name, name, done, clean_line(detail, 300))
            if done is False:
                return

    async def of_the_end(self, found: Surveyed) -> Step:
        """The step that shows that the account lets us in no more."""
        host = as_account(found)
        if found.account == found.login:
            return Step(host.name, "refused", None, f"not looked at: {found.account} was there before and stays")
        result = await self.pool.run(host, Command("exit 0", timeout=30))
        # A key of ours that cannot be opened ends in the same status, and proves nothing (see Dialer.dial).
        if result.status is Status.AUTH_FAILED and not result.detail.startswith("no usable key"):
            return Step(host.name, "refused", True, f"{found.account} is let in no more")
        if result.status.answered:
            return Step(host.name, "refused", False, f"{found.account} still lets us in")
        return Step(
            host.name, "refused", False, f"whether {found.account} still lets us in is unknown: {result.detail}"
        )

    async def _login(self, host: Host) -> tuple[bool, str]:
        result = await self.pool.run(host, Command("id -un", timeout=30, limit=4096))
        if result.status is not Status.OK:
            return False, f"{host.user} cannot log in with our key: {result.detail or result.err}"
        method = self.pool.method(host)
        how = f" with {method.kind} {method.fingerprint}" if method else ""
        return True, f"{result.out.strip()} logged in{how}"

    async def _hostctl(self, host: Host) -> tuple[bool, str]:
        result = await self.pool.run(host, _REQUEST)
        try:
            read_frame(result, _VERB)
        except UnreadableAnswer as error:
            return False, f"hostctl does not answer through sudo: {result.detail or error.what}"
        return True, "hostctl answers as root"

    async def _forward(self, host: Host, places: Sequence[tuple[str, int]]) -> tuple[bool, str]:
        """Whether hosts behind this one could still be reached through it; those that are down are no matter here."""
        for address, port in places:
            try:
                async with self.pool.open_tcp(host, address, port):
                    pass
            except PortClosed as error:
                if error.forbidden:
                    return False, f"{address}:{port}, a host behind it, could not be reached any more: {error.detail}"
            except (OrchestratorError, OSError) as error:
                return False, f"the way to {address}:{port} behind it cannot be looked at: {error}"
        return True, f"lets through to the {len(places)} behind it"

    async def _exporter(self, host: Host) -> tuple[bool, str]:
        assert host.exporter is not None
        try:
            async with asyncio.timeout(_SCRAPE_TIMEOUT), self.pool.open_tcp(host, *host.exporter) as stream:
                await stream.write(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
                body = bytearray()
                while (piece := await stream.read(1 << 16)) and len(body) < _MOST:
                    body += piece
        except TimeoutError:
            return False, f"node_exporter gave no metrics within {_SCRAPE_TIMEOUT:g} s"
        except (OrchestratorError, OSError) as error:
            return False, f"node_exporter does not answer: {error}"
        if host.direct:  # Go's servers answer in plain words when they are asked so
            return (True, "asks for TLS") if _ASKS_FOR_TLS in body else (False, "its exporter does not ask for TLS")
        if not body.startswith(b"HTTP/1.") or _SIGN not in body:
            return False, f"what answers at {host.exporter[0]}:{host.exporter[1]} is no node_exporter"
        series = sum(not line.startswith(b"#") for line in body.partition(b"\r\n\r\n")[2].splitlines())
        return True, f"{series} series of metrics came through the connection"


async def _without_sudo(_: Host) -> tuple[None, str]:
    return None, "not looked at: without sudo it runs as the account itself"
