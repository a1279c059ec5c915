"""Questions to Prometheus over HTTP, bounded in time and size and off the event loop.

The library behind it is synchronous, retries by itself, and waits for ever unless told otherwise: in the loop, one call
to a server that hung stalled everything for 8 s. So it gets a thread, a timeout and no retries.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from prometheus_api_client.prometheus_connect import PrometheusConnect

TIMEOUT_S = 8
MOST_BYTES = 32 << 20  # 300 steps of 2,000 series are about 20 MB
THREADS = 4

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_UNUSED = datetime.fromtimestamp(0, UTC)


class PrometheusError(OrchestratorError, RuntimeError):
    """Prometheus did not answer, or not as Prometheus does. `where` is its address, without credentials."""

    exit_status: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Samples:
    """One series of an answer: its labels, and pairs of Unix time in seconds and value, finite ones only."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class PrometheusClient:
    """Asks the Prometheus at `url`, which may carry a user and a password. `timeout` is in seconds for a whole call."""

    def __init__(self, url: str, *, timeout: int = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="prometheus")
        self._own = threading.local()
        parts = urlsplit(self._url)
        self._direct = parts.hostname in LOOPBACK
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def query(self, promql: str, *, at: float | None = None) -> tuple[Samples, ...]:
        """The instant vector of an expression, now or `at` a Unix time; raises PrometheusError."""
        params = {"timeout": f"{self._timeout:g}s", **({"time": at} if at is not None else {})}
        return await self._ask(lambda library: library.custom_query(promql, params))

    async def query_range(self, promql: str, start: float, end: float, step: float) -> tuple[Samples, ...]:
        """The values of an expression between two Unix times, every `step` seconds; raises PrometheusError."""
        # Handed over as parameters that win: the library would round the times to whole seconds of its own choice.
        params = {"timeout": f"{self._timeout:g}s", "start": start, "end": end}
        return await self._ask(
            lambda library: library.custom_query_range(promql, _UNUSED, _UNUSED, f"{step:g}", params)
        )

    def close(self) -> None:
        """Take no more questions; those under way end within their time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, call: Callable[[PrometheusConnect], Any]) -> tuple[Samples, ...]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2 * self._timeout):  # also of the wait for a thread
                return await loop.run_in_executor(self._threads, self._call, call)
        except TimeoutError:
            raise self._error(f"no answer within {2 * self._timeout:g} s") from None

    def _call(self, call: Callable[[PrometheusConnect], Any]) -> tuple[Samples, ...]:
        import requests
        import urllib3
        from prometheus_api_client.exceptions import PrometheusApiClientException

        try:
            return tuple(_samples(each) for each in call(self._library()))
        except PrometheusApiClientException as error:
            why = f"it answers {_reason(str(error))}"
        except _TooMuch as error:
            why = str(error)
        except requests.JSONDecodeError:
            why = "what answers is not Prometheus"
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            why = self._trouble(str(error).lower())
        except (KeyError, TypeError, AttributeError, ValueError):
            why = "what answers is not Prometheus"
        raise self._error(why)

    def _trouble(self, said: str) -> str:
        """What the layers of libraries mean: the cause is in their words alone."""
        if "timed out" in said:
            return f"no answer within {self._timeout} s"
        return "connection refused" if "refused" in said else "the connection failed"

    def _error(self, what: str) -> PrometheusError:
        return PrometheusError(f"Prometheus gives no answer: {what}", where=self.address)

    def _library(self) -> PrometheusConnect:
        """One for each thread: its session is not made to be shared."""
        if not hasattr(self._own, "library"):
            from prometheus_api_client.prometheus_connect import PrometheusConnect
            from urllib3.util.retry import Retry

            session = _bounded_session(self._timeout)
            session.trust_env = not self._direct  # a proxy of the environment leads away from this machine
            self._own.library = PrometheusConnect(
                self._url, session=session, retry=Retry(total=0), timeout=self._timeout
            )
        library: PrometheusConnect = self._own.library
        return library


class _TooMuch(Exception):
    """An answer beyond its bounds."""


def _bounded_session(timeout: int) -> Any:
    """A session of requests that reads a body within `timeout` seconds and `MOST_BYTES` or not at all."""
    from requests import PreparedRequest, Response, Session

    class Bounded(Session):
        def send(self, request: PreparedRequest, **how: Any) -> Response:
            end = time.monotonic() + timeout
            response = super().send(request, **{**how, "stream": True})
            body = bytearray()
            # What has come so far each time: to wait for whole pieces is to wait for ever on a server that drips.
            while chunk := response.raw.read1(1 << 16, decode_content=True):
                body += chunk
                if len(body) > MOST_BYTES or time.monotonic() > end:
                    response.close()
                    raise _TooMuch("its answer is too long" if len(body) > MOST_BYTES else "its answer is too slow")
            response._content = bytes(body)  # noqa: SLF001 - the library offers no bound and no other place
            return response

    return Bounded()


def _samples(series: Mapping[str, Any]) -> Samples:
    pairs = series["values"] if "values" in series else [series["value"]]
    points = tuple((float(at), float(value)) for at, value in pairs)
    labels = {str(name): str(value) for name, value in series["metric"].items()}
    return Samples(labels, tuple(point for point in points if math.isfinite(point[1])))


def _reason(message: str) -> str:
    """``HTTP Status Code 422 (b'{...}')`` of the library, on one line and short."""
    return " ".join(message.split()).removeprefix("HTTP Status Code ")[:200]
