"""Whatever bytes an exporter sends, a scrape ends with a page or a reason, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inventory.model import Host
from orchestrator.monitor.scrape import LARGEST, ScrapeError, scrape
from orchestrator.ssh import Stream

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
PARTS = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 200\r\n",
            b"HTTP/1.1 100 \r\n\r\n",
            b"HTTP/1.1 204 No\r\n",
            b"HTTP/2 200\r\n",
        ),
        *(
            b"Content-Type: text/plain\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Length: -1\r\n",
            b"Connection: keep-alive\r\n",
        ),
        *(
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Encoding: gzip\r\n",
            b"Upgrade: x\r\n",
            b" folded\r\n",
            b"\0: \r\n",
        ),
        *(
            b"\r\n",
            b"\n",
            b"up 1\n",
            b"3\r\nabc\r\n",
            b"ffffffffffffffffffff\r\n",
            b"0\r\n\r\n",
            b"0\r\nTrailer: x\r\n\r\n",
        ),
    ]
)
ANSWERS = st.lists(PARTS | st.binary(max_size=20), max_size=12)


class Given:
    """What was sent, in pieces, and then the end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    async def read(self, n: int) -> bytes:
        assert n > 0
        return self._pieces.pop(0) if self._pieces else b""

    def write(self, data: bytes) -> None:
        assert data.startswith(b"GET /metrics HTTP/1.1\r\n")

    async def drain(self) -> None:
        """There is always room."""


async def outcome(pieces: list[bytes]) -> int | str:
    """The size of the page, or the reason why there is none."""

    @contextlib.asynccontextmanager
    async def open_tcp(*_: object) -> AsyncIterator[Stream]:
        given = Given(pieces)
        yield Stream(given, given)

    try:
        async with scrape(open_tcp, Host("web1", "192.0.2.1"), "*/*", gzip=True) as page:
            return sum([len(piece) async for piece in page.pieces])
    except ScrapeError as error:
        return str(error)


def well_ended(outcome: int | str) -> bool:
    return outcome <= LARGEST if isinstance(outcome, int) else outcome != "" and outcome.isprintable()


@given(ANSWERS)
def test_any_bytes(pieces: list[bytes]) -> None:
    assert well_ended(asyncio.run(outcome(pieces)))


@given(ANSWERS)
def test_any_bytes_after_a_good_beginning(pieces: list[bytes]) -> None:
    assert well_ended(asyncio.run(outcome([OK, *pieces])))


def test_the_page_itself() -> None:
    assert asyncio.run(outcome([OK, b"Content-Length: 5\r\n\r\nup", b" 1\n"])) == 5
