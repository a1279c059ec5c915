"""One scrape: a host's exporter asked over a stream, and its answer passed on piece by piece, within bounds.

The answer is the word of a machine that may be hostile. Whatever is not a plain answer of an exporter is a failed
scrape with a reason: nothing is followed, unpacked or held in memory here.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import h11

from orchestrator.inventory.model import Host
from orchestrator.monitor.configure import spelled
from orchestrator.ssh import NoConnection, PortClosed, Stream

OpenTcp = Callable[[Host, str, int], AbstractAsyncContextManager[Stream]]

LARGEST = 16 << 20
_READ = 1 << 14
_HEADERS = 1 << 14
# An exporter sends pieces of some KiB. Ones of a byte each would keep us busy for as long as the scrape may last.
_CRUMBS, _CRUMB = 200, 256
_TYPES = ("text/plain", "application/openmetrics-text", "application/vnd.google.protobuf")


class ScrapeError(Exception):
    """The scrape failed: `kind` is one of ``down``, ``closed`` and ``garbled``; the text is one line that says why."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Page:
    """What an exporter answers: its content type, whether the `pieces` are gzip, and they, at most LARGEST bytes.

    `pieces` raises ScrapeError when the answer breaks off or is not what it should be.
    """

    content_type: str
    gzip: bool
    pieces: AsyncIterator[bytes]


@contextlib.asynccontextmanager
async def scrape(open_tcp: OpenTcp, host: Host, accept: str, *, gzip: bool) -> AsyncIterator[Page]:
    """Ask the exporter of `host`, which must have one, for its metrics; `accept` is what the asker takes.

    Bounded in size and memory; time is for the caller to bound. Raises ScrapeError.
    """
    assert host.exporter is not None
    async with contextlib.AsyncExitStack() as stack:
        try:
            stream = await stack.enter_async_context(open_tcp(host, *host.exporter))
        except NoConnection as error:
            raise ScrapeError("down", error.detail) from error
        except PortClosed as error:
            raise ScrapeError("closed", f"no exporter at {error.where}: {error.detail}") from error
        exporter = _Exporter(stream)
        await exporter.ask(spelled(host.exporter), accept, gzip=gzip)
        yield await exporter.page()


class _Exporter:
    """HTTP/1.1 with one exporter over `stream`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADERS)

    async def ask(self, authority: str, accept: str, *, gzip: bool) -> None:
        headers = [("Host", authority), ("Accept", accept), ("User-Agent", "orchestrator"), ("Connection", "close")]
        headers.append(("Accept-Encoding", "gzip" if gzip else "identity"))
        try:
            request = self._http.send(h11.Request(method="GET", target="/metrics", headers=headers))
        except h11.LocalProtocolError as error:
            raise ScrapeError("garbled", f"cannot be asked for: {error}") from error
        try:
            await self._stream.write((request or b"") + (self._http.send(h11.EndOfMessage()) or b""))
        except ConnectionError as error:
            raise _broke_off(error) from error

    async def page(self) -> Page:
        """The head of the answer, judged, and the pieces to come."""
        answer = await self._event()
        # Interim answers are for those who asked for them; an exporter that sends them has other plans.
        if not isinstance(answer, h11.Response) or answer.status_code != 200:
            status = getattr(answer, "status_code", None)
            raise ScrapeError("garbled", f"the exporter answers {status or 'without a status'} instead of 200")
        headers = {name: value.decode("latin-1") for name, value in answer.headers}
        content_type, encoding = headers.get(b"content-type", ""), headers.get(b"content-encoding", "identity")
        if content_type.partition(";")[0].strip().lower() not in _TYPES or not content_type.isprintable():
            raise ScrapeError("garbled", "what answers there is no exporter: it does not send metrics")
        if encoding not in ("gzip", "identity"):
            raise ScrapeError("garbled", "the exporter packs its answer in a way that nobody asked for")
        return Page(content_type[:200], encoding == "gzip", self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        size = count = 0
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data)
            size, count = size + len(event.data), count + 1
            if size > LARGEST:
                raise ScrapeError("garbled", f"the exporter's answer is larger than {LARGEST >> 20} MiB")
            if count > _CRUMBS + size // _CRUMB:
                raise ScrapeError("garbled", "the exporter's answer comes in crumbs")
            yield bytes(event.data)

    async def _event(self) -> h11.Event:
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(await self._stream.read(_READ))
                elif isinstance(event, h11.Event):
                    return event
                else:
                    raise ScrapeError("garbled", "the exporter sends more than its answer")
        except h11.RemoteProtocolError as error:
            raise ScrapeError("garbled", f"what answers does not speak HTTP as it should: {error}"[:200]) from error
        except ConnectionError as error:
            raise _broke_off(error) from error


def _broke_off(error: ConnectionError) -> ScrapeError:
    return ScrapeError("garbled", f"the exporter's answer broke off: {error}")
