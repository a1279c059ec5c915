"""Panels of a Grafana, drawn by its own renderer.

Grafana's HTTP API (https://grafana.com/docs/grafana/latest/developers/http_api/): search, dashboards by uid; the
address of a drawn panel is the one of its Share dialog. Without a renderer Grafana answers 200 and a picture that says
so, so that is asked first (``rendererAvailable`` of its settings).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

from orchestrator.errors import OrchestratorError
from orchestrator.monitor.client import LOOPBACK
from orchestrator.monitor.window import Window

if TYPE_CHECKING:
    from aiohttp import ClientResponse

ASK_S, RENDER_S = 8.0, 40.0  # a panel takes its renderer seconds; a busy one tells others to wait
MOST_JSON, MOST_PNG = 8 << 20, 10 << 20  # bytes; 10 MB is what Telegram takes as a photo
MOST_DASHBOARDS = 500
WIDTH, HEIGHT = 1000, 560
PNG = b"\x89PNG\r\n\x1a\n"

TOKEN_REMEDY = "In Grafana: Administration, Service accounts, a token with the role Viewer; set it as GRAFANA_TOKEN"  # noqa: S105 - not one
RENDERER_REMEDY = (
    "Run Grafana's image renderer beside it: https://grafana.com/docs/grafana/latest/setup-grafana/image-rendering"
)


class GrafanaError(OrchestratorError, RuntimeError):
    """Grafana did not answer, or refused."""

    exit_status: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One of Grafana's, by its `uid`."""

    uid: str
    title: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One of a dashboard's."""

    id: int
    title: str


class Grafana:
    """The Grafana at `url`; `token` is of a service account, empty where Grafana asks for none."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self._token = token

    @property
    def public(self) -> bool:
        """True when others than this machine can open its addresses."""
        return urlsplit(self._url).hostname not in LOOPBACK

    def address(self, uid: str, panel: int, window: Window) -> str:
        """Where a person opens a panel."""
        times = {"viewPanel": panel, "from": window.start * 1000, "to": window.end * 1000}
        return f"{self._url}/d/{quote(uid, safe='')}?{urlencode(times)}"

    async def dashboards(self) -> tuple[Dashboard, ...]:
        """All that the token may see, by title; raises GrafanaError."""
        found = await self._json("/api/search", {"type": "dash-db", "limit": MOST_DASHBOARDS})
        listed = [Dashboard(str(each["uid"]), str(each["title"])) for each in _dicts(found) if "uid" in each]
        return tuple(sorted(listed, key=lambda dashboard: dashboard.title))

    async def panels(self, uid: str) -> tuple[Panel, ...]:
        """The panels of a dashboard, those in rows, too; raises GrafanaError."""
        answer = await self._json(f"/api/dashboards/uid/{quote(uid, safe='')}", {})
        dashboard = answer.get("dashboard") if isinstance(answer, dict) else None
        if not isinstance(dashboard, dict):
            raise GrafanaError("what answers is not Grafana", remedy="Look at GRAFANA_URL")
        return tuple(_panels(dashboard.get("panels")))

    async def render(
        self, uid: str, panel: int, window: Window, *, dark: bool, zone: str, variables: Sequence[tuple[str, str]] = ()
    ) -> bytes:
        """A panel as PNG. `zone` is a name of the tz database, `variables` the dashboard's; raises GrafanaError."""
        settings = await self._json("/api/frontend/settings", {})
        if isinstance(settings, dict) and settings.get("rendererAvailable") is False:
            raise GrafanaError("Grafana has no image renderer", remedy=RENDERER_REMEDY)
        query: list[tuple[str, str | int]] = [
            ("panelId", panel),
            ("from", window.start * 1000),
            ("to", window.end * 1000),
            ("width", WIDTH),
            ("height", HEIGHT),
            ("theme", "dark" if dark else "light"),
            ("tz", zone),
            ("timeout", round(RENDER_S) - 5),
            *((f"var-{name}", value) for name, value in variables),
        ]
        png = await self._get(f"/render/d-solo/{quote(uid, safe='')}/_", query, MOST_PNG, RENDER_S)
        if not png.startswith(PNG):
            raise GrafanaError("Grafana's renderer gave no picture", remedy="Look at its log")
        return png

    async def _json(self, path: str, query: Mapping[str, str | int]) -> Any:
        body = await self._get(path, list(query.items()), MOST_JSON, ASK_S)
        try:
            return json.loads(body)
        except ValueError:
            raise GrafanaError("what answers is not Grafana", remedy="Look at GRAFANA_URL") from None

    async def _get(self, path: str, query: Sequence[tuple[str, str | int]], most: int, within: float) -> bytes:
        import aiohttp

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with (
                asyncio.timeout(within),
                aiohttp.ClientSession(headers=headers, trust_env=self.public) as session,
                # Not followed: a redirect would be to the login page, and the token is for this address alone.
                session.get(self._url + path, params=list(query), allow_redirects=False) as answer,
            ):
                _judge(answer)
                return await _body(answer, most)
        except TimeoutError:
            raise GrafanaError(f"Grafana gives no answer within {within:g} s", remedy="Try again") from None
        except (aiohttp.ClientError, OSError) as error:
            why = "connection refused" if "refused" in str(error).lower() else "the connection failed"
            raise GrafanaError(f"Grafana gives no answer: {why}", remedy="Look at GRAFANA_URL") from None


def _judge(answer: ClientResponse) -> None:
    """Raise what a status means."""
    if answer.status == 200:
        return
    if answer.status in (301, 302, 303, 307, 308, 401, 403):
        raise GrafanaError("Grafana refuses us", remedy=TOKEN_REMEDY)
    if answer.status == 404:
        raise GrafanaError("Grafana does not have that", remedy="/chart lists what there is")
    if answer.status == 429:
        raise GrafanaError("Grafana's renderer has too much to do", remedy="Try again")
    raise GrafanaError(f"Grafana answers {answer.status}", remedy="Look at its log")


async def _body(answer: ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > most:
            raise GrafanaError("Grafana's answer is too long", remedy="Choose a smaller panel")
    return bytes(body)


def _panels(listed: Any) -> list[Panel]:
    """A row holds its panels while it is folded."""
    found: list[Panel] = []
    for each in _dicts(listed):
        if each.get("type") == "row":
            found += _panels(each.get("panels"))
        elif isinstance(each.get("id"), int):
            found.append(Panel(each["id"], str(each.get("title") or f"#{each['id']}")))
    return found


def _dicts(listed: Any) -> list[dict[str, Any]]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
