"""Questions to Alertmanager: what fires, what is silenced, until when. Bounded in time and size, never repeated.

Its API is https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from orchestrator.alerts.model import WATCHDOG, Alert, AlertGroup
from orchestrator.alerts.parse import LONGEST, Malformed, clean, moment
from orchestrator.alerts.parse import alert as parse_alert
from orchestrator.errors import OrchestratorError

TIMEOUT_S = 8.0
MOST_BYTES = 32 << 20
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class AlertmanagerError(OrchestratorError, RuntimeError):
    """Alertmanager did not answer, refused, or does not speak as Alertmanager does. `where` is its address."""

    exit_status: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a label must be: equal, or a whole match of a regular expression (RE2)."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        """As people write it: ``host=~"web1|web2"``."""
        sign = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
        return f'{self.name}{sign[self.is_regex, self.is_equal]}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match all of `matchers` are not told from `starts_at` to `ends_at`, seconds of the Unix epoch.

    `state` is ``pending``, ``active`` or ``expired``.
    """

    id: str
    state: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    author: str
    comment: str

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Known:
    """An alert that Alertmanager takes for firing, the ids of the silences that cover it, and who is told of it."""

    alert: Alert
    silenced_by: tuple[str, ...] = ()
    inhibited: bool = False
    receivers: tuple[str, ...] = ()


class Alertmanager:
    """Asks the Alertmanager at `url`, which may carry a user and a password. Everything raises AlertmanagerError."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._direct = parts.hostname in _LOOPBACK
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    async def alerts(self) -> tuple[Known, ...]:
        """What fires, silenced or not."""
        return self._read(_known, await self._ask("GET", "/api/v2/alerts"))

    async def silences(self) -> tuple[Silence, ...]:
        """All silences, also those that ended lately."""
        return self._read(_silence, await self._ask("GET", "/api/v2/silences"))

    async def started_at(self) -> float:
        """When it was started, in seconds of the Unix epoch."""
        (at,) = self._read(lambda status: moment(status["uptime"]), [await self._ask("GET", "/api/v2/status")])
        return float(at)

    async def configuration(self) -> str:
        """Its configuration in force, as YAML without secrets."""
        status = await self._ask("GET", "/api/v2/status")
        (text,) = self._read(lambda status: status["config"]["original"], [status])
        return str(text)

    async def silence(self, matchers: Iterable[Matcher], start: float, end: float, author: str, comment: str) -> str:
        """Silence alerts between two Unix times; returns the id of the silence."""
        wanted = {
            "matchers": [
                {"name": each.name, "value": each.value, "isRegex": each.is_regex, "isEqual": each.is_equal}
                for each in matchers
            ],
            "startsAt": _stamp(start),
            "endsAt": _stamp(end),
            "createdBy": author,
            "comment": comment or "-",  # it insists on one
        }
        answer = await self._ask("POST", "/api/v2/silences", wanted)
        silence_id = answer.get("silenceID") if isinstance(answer, dict) else None
        if not isinstance(silence_id, str) or not silence_id:
            raise self._error("what answers is not Alertmanager")
        return silence_id

    async def expire(self, silence_id: str) -> None:
        """End a silence now."""
        await self._ask("DELETE", f"/api/v2/silence/{quote(silence_id, safe='')}")

    async def _ask(self, method: str, path: str, document: Any = None) -> Any:
        import aiohttp  # 0.1 s to import

        timeout = aiohttp.ClientTimeout(total=self._timeout)
        # A proxy of the environment leads away from this machine.
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=not self._direct) as session,
                session.request(method, self._url + path, json=document, allow_redirects=False) as answer,
            ):
                body = await _bounded(answer.content)
                if body is None:
                    raise self._error("its answer is too long")
                if answer.status != 200:
                    raise AlertmanagerError(f"Alertmanager refuses: {_said(body) or answer.status}", where=self.address)
        except TimeoutError:
            raise self._error(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(
                error.os_error, ConnectionRefusedError
            )
            raise self._error("connection refused" if refused else "the connection failed") from None
        try:
            return json.loads(body) if body.strip() else None
        except (ValueError, RecursionError):
            raise self._error("what answers is not Alertmanager") from None

    def _read(self, read: Any, answer: Any) -> tuple[Any, ...]:
        try:
            return tuple(read(each) for each in answer)
        except (Malformed, KeyError, TypeError, AttributeError):
            raise self._error("what answers is not Alertmanager") from None

    def _error(self, what: str) -> AlertmanagerError:
        return AlertmanagerError(f"Alertmanager gives no answer: {what}", where=self.address)


def matchers_for(hosts: Sequence[str] | None, alert: str = "") -> tuple[Matcher, ...]:
    """What silences an alert, or all but the Watchdog, on hosts, or on all that is about a host (None)."""
    if hosts is None:
        places = Matcher("host", ".+", is_regex=True)
    elif len(hosts) == 1:
        places = Matcher("host", hosts[0])
    else:
        places = Matcher("host", "|".join(map(re.escape, hosts)), is_regex=True)
    return places, Matcher("alertname", alert or WATCHDOG, is_equal=bool(alert))


def matchers_of(group: AlertGroup) -> tuple[Matcher, ...]:
    """What silences an incident, and others like it on the same host."""
    labels = group.alerts[0].labels
    place = next((name for name in ("host", "instance") if labels.get(name)), "host")
    return Matcher("alertname", labels.get("alertname", "")), Matcher(place, labels.get(place, ""))


def _known(raw: Mapping[str, Any]) -> Known:
    status = raw["status"]
    silenced = tuple(clean(str(each)) for each in status.get("silencedBy") or ())
    receivers = tuple(str(each["name"]) for each in raw.get("receivers") or ())
    return Known(parse_alert(raw, firing=True), silenced, bool(status.get("inhibitedBy")), receivers)


def _silence(raw: Mapping[str, Any]) -> Silence:
    matchers = tuple(
        Matcher(
            clean(str(each["name"]))[:LONGEST],
            clean(str(each["value"]))[:LONGEST],
            bool(each.get("isRegex")),
            bool(each.get("isEqual", True)),
        )
        for each in raw["matchers"]
    )
    return Silence(
        id=clean(str(raw["id"])),
        state=clean(str(raw["status"]["state"])),
        matchers=matchers,
        starts_at=moment(raw["startsAt"]),
        ends_at=moment(raw["endsAt"]),
        author=clean(str(raw.get("createdBy", "")))[:LONGEST],
        comment=clean(str(raw.get("comment", "")))[:LONGEST],
    )


async def _bounded(content: Any) -> bytes | None:
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _said(body: bytes) -> str:
    """The reason in an answer: a JSON text, or an object with one."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = body.decode("utf-8", "replace")
    if isinstance(said, dict):
        said = said.get("message", "")
    return clean(str(said))[:200]


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
