"""``POST /alerts``: where Alertmanager tells what fires and what ended.

It is answered with 200 once everything of it is committed, and not before: until then Alertmanager repeats itself. What
it would repeat in vain, since it will never be understood, gets 400.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web

from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.model import Alert
from orchestrator.alerts.parse import Malformed
from orchestrator.alerts.parse import alert as parse_alert
from orchestrator.errors import StoreError

log = logging.getLogger(__name__)

MOST_BYTES = 4 << 20
WITHIN_S = 10.0


class Receiver:
    """Takes messages in. `token` is what Alertmanager must show; `heard` is told of each Watchdog that fires.

    `believed` says of an alert that began at a Unix time whether its end is to be believed: while Prometheus is away,
    Alertmanager takes every alert for ended after some minutes.
    """

    def __init__(
        self,
        book: AlertBook,
        token: str,
        *,
        watchdog: str,
        heard: Callable[[], None],
        believed: Callable[[float], bool],
    ) -> None:
        self._book = book
        self._proof = f"Bearer {token}".encode()
        self._watchdog = watchdog
        self._heard = heard
        self._believed = believed
        self.problem = ""
        """Why the last message was not taken; empty when it was."""

    @property
    def routes(self) -> list[web.RouteDef]:
        """For `serving`."""
        return [web.post("/alerts", self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """One message of the webhook, version 4."""
        status, problem = await self._take(request)
        if problem and problem != self.problem:  # Alertmanager repeats itself
            log.error("a message of Alertmanager's was not taken: %s", problem)
        self.problem = problem
        text = f"{problem or 'told'}\n"
        return web.Response(status=status, text=text, headers={"X-Content-Type-Options": "nosniff"})

    async def _take(self, request: web.Request) -> tuple[int, str]:
        """The status to answer with, and what is wrong."""
        shown = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._proof):
            return 401, "the token is not ours"
        try:
            alerts = messages(await _body(request))
        except Malformed as error:
            return 400, str(error)
        believed = [alert for alert in alerts if alert.firing or self._believed(alert.starts_at)]
        news = [alert for alert in believed if alert.name != self._watchdog]
        try:
            if news:
                await self._book.receive(news)
        except StoreError as error:
            return 503, f"not written down: {error}"
        if any(alert.name == self._watchdog and alert.firing for alert in alerts):
            self._heard()
        if len(believed) < len(alerts):
            return 503, "Prometheus is away, or has just come, so nobody knows whether this has ended"
        return 200, ""


def messages(body: bytes) -> list[Alert]:
    """The alerts of a message. Raises Malformed for what is none; of a message one that cannot be read is left out."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("it is not JSON") from None
    raw = document.get("alerts") if isinstance(document, dict) else None
    if not isinstance(raw, list):
        raise Malformed("it is no message of Alertmanager's")
    if left_out := document.get("truncatedAlerts"):
        log.warning("Alertmanager left %s alerts out of a message; max_alerts should be 0", left_out)
    found = []
    for each in raw:
        try:
            found.append(parse_alert(each, firing=_fires(each)))
        except Malformed as error:
            log.error("an alert of Alertmanager's cannot be read: %s", error)
    if raw and not found:
        raise Malformed("none of its alerts can be read")
    return found


def _fires(raw: Any) -> bool:
    status = raw.get("status") if isinstance(raw, dict) else None
    if status not in ("firing", "resolved"):
        raise Malformed("an alert neither fires nor is resolved")
    return bool(status == "firing")


async def _body(request: web.Request) -> bytes:
    """Raises Malformed for what is too long or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(WITHIN_S):
            async for piece in request.content.iter_any():
                body += piece
                if len(body) > MOST_BYTES:
                    raise Malformed(f"it is longer than {MOST_BYTES >> 20} MiB")
    except TimeoutError:
        raise Malformed(f"it did not arrive within {WITHIN_S:g} s") from None
    return bytes(body)
