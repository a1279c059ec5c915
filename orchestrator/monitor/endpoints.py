"""What is served on LISTEN: our health, our metrics, what to scrape, and the metrics of each host through its SSH."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import hdrs, web

from orchestrator.inventory import Host, Inventory
from orchestrator.monitor.exposition import exposition
from orchestrator.monitor.meters import Gauges, Meters
from orchestrator.monitor.scrape import OpenTcp, Page, ScrapeError, scrape
from orchestrator.monitor.targets import direct_targets, targets
from orchestrator.ssh import HostState

_LONGEST_S, _USUAL_S = 30.0, 10.0
# Prometheus hangs up when its time is over; ours ends before, so that it gets to read why.
_OF_IT = 0.95
_STATUS = {"down": 503, "closed": 502, "garbled": 502, "timeout": 504}
_NOSNIFF = {"X-Content-Type-Options": "nosniff"}
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Endpoints:
    """The handlers. `gauges` are further figures of ours; `address` is where we are asked; `scraped` is told of each
    time that a Prometheus asks for our figures.
    """

    def __init__(
        self,
        *,
        address: str,
        inventory: Callable[[], Inventory],
        open_tcp: OpenTcp,
        state: Callable[[Host], HostState],
        meters: Meters,
        gauges: Callable[[], Awaitable[Gauges]],
        scraped: Callable[[], None],
    ) -> None:
        self._address = address
        self._inventory = inventory
        self._open_tcp = open_tcp
        self._state = state
        self._meters = meters
        self._gauges = gauges
        self._scraped = scraped
        self._server_seen = False

    @property
    def routes(self) -> list[web.RouteDef]:
        """For `serving`."""
        return [
            web.get("/healthz", self.healthz),
            web.get("/metrics", self.metrics),
            web.get("/sd", self.sd),
            web.get("/sd/direct", self.sd_direct),
            web.get("/hosts/{name}/metrics", self.host_metrics),
        ]

    async def healthz(self, _: web.Request) -> web.Response:
        """200 while the event loop turns."""
        return _said(200, "ok")

    async def metrics(self, request: web.Request) -> web.Response:
        """Our own figures."""
        if request.headers.get(hdrs.USER_AGENT, "").startswith("Prometheus/"):
            self._scraped()
        phases = Counter(self._state(host).phase for host in self._inventory().hosts)
        body = exposition(self._meters, phases, await self._gauges())
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: _TEXT} | _NOSNIFF)

    async def sd(self, _: web.Request) -> web.Response:
        """The hosts of the inventory in force, for http_sd."""
        hosts = [*self._inventory().hosts, *await self._control_node()]
        return web.json_response(targets(hosts, self._address), headers=_NOSNIFF)

    async def sd_direct(self, _: web.Request) -> web.Response:
        """The hosts that Prometheus scrapes by itself, for http_sd."""
        return web.json_response(direct_targets(self._inventory().hosts), headers=_NOSNIFF)

    async def host_metrics(self, request: web.Request) -> web.StreamResponse:
        """The metrics of one host, fetched now."""
        inventory, name = self._inventory(), request.match_info["name"]
        if name not in inventory.hosts and name != inventory.server.name:
            return _said(404, "no host of the inventory has that name")
        host = inventory.host(name)
        if host.exporter is None:
            return _said(404, f"{name} has no exporter (exporter: false)")
        if host.direct:
            return _said(404, f"{name} is scraped directly (scrape: direct)")
        begun, within = time.monotonic(), _time_for(request)
        answer: web.StreamResponse | None = None
        outcome, why = "abandoned", ""
        try:
            async with asyncio.timeout(within), self._scrape(request, host) as page:
                answer = _head(page)
                await answer.prepare(request)
                async for piece in page.pieces:
                    await answer.write(piece)
                await answer.write_eof()
            outcome = "ok"
            return answer
        except ScrapeError as error:
            outcome, why = error.kind, str(error)
        except TimeoutError:
            outcome, why = "timeout", f"no whole answer within {within:.3g} s"
        finally:
            self._meters.scrapes.observe(outcome, time.monotonic() - begun)
        if answer is None:
            return _said(_STATUS[outcome], f"{name}: {why}")
        # The status is out already: only a connection that ends in the middle tells that this is not all.
        if request.transport is not None:
            request.transport.abort()
        return answer

    def _scrape(self, request: web.Request, host: Host) -> AbstractAsyncContextManager[Page]:
        accept, encodings = (request.headers.get(name, "") for name in (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING))
        return scrape(self._open_tcp, host, accept[:1000] or "*/*", gzip="gzip" in encodings)

    async def _control_node(self) -> list[Host]:
        """The control node, unless the inventory has it, from when its exporter first answered: it may have none."""
        server = self._inventory().server
        if server.exporter is None or server.name in self._inventory().hosts:
            return []
        if not self._server_seen:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(1), self._open_tcp(server, *server.exporter):
                    self._server_seen = True
        return [server] if self._server_seen else []


def _time_for(request: web.Request) -> float:
    """Seconds that this scrape may take: a bit less than its asker will wait."""
    try:
        given = float(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", _USUAL_S))
    except ValueError:
        given = _USUAL_S
    return min(given, _LONGEST_S) * _OF_IT if math.isfinite(given) and given > 0 else _USUAL_S


def _head(page: Page) -> web.StreamResponse:
    headers = {hdrs.CONTENT_TYPE: page.content_type} | _NOSNIFF
    return web.StreamResponse(headers=headers | ({hdrs.CONTENT_ENCODING: "gzip"} if page.gzip else {}))


def _said(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=_NOSNIFF)
