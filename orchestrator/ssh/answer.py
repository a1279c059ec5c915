"""Takes the outputs of a prepared shell apart while one call runs (see `request` for the marks)."""

from __future__ import annotations

import asyncio
import re

from orchestrator.ssh.capture import Capture
from orchestrator.ssh.exchange import OnOutput

RECORDS_LIMIT = 4 << 20
_NUMBER = re.compile(rb"\d{1,3}")
_MARK_LIMIT = 8


class Violation(Exception):
    """The host sent what no prepared shell would."""


class Answer:
    """What came of one call so far.

    `code` is its exit status; `go` is set when a streamed standard input may begin, `over` when its reader ended,
    `ended` when both outputs are complete or `fail` was called, `ready` when the shell can take the next call.
    """

    def __init__(self, token: str, limit: int, on_output: OnOutput | None = None) -> None:
        self.stdout = Capture(limit)
        self.stderr = Capture(limit)
        self.records: list[tuple[str, bytes]] = []
        self.code: int | None = None
        self.fault: Exception | None = None
        self.go = asyncio.Event()
        self.over = asyncio.Event()
        self.ended = asyncio.Event()
        self.ready = asyncio.Event()
        self._token = token.encode()
        self._on_output = on_output
        self._held = {"stdout": bytearray(), "stderr": bytearray()}
        self._seen = 0
        self._records_size = 0
        self._open = {"stdout", "stderr"}

    def received(self, stream: str, data: bytes) -> None:
        """Take output of `stream`; raises Violation."""
        held = self._held[stream]
        held += data
        while (start := held.find(self._token)) >= 0:
            self._keep(stream, held, start)
            if not self._take_mark(stream, held):
                return
        self._keep(stream, held, len(held) - self._partial(held))

    @property
    def complete(self) -> bool:
        """True once the program ended and all it wrote is here."""
        return self.code is not None and not self._open

    def fail(self, fault: Exception | None = None) -> None:
        """Nothing more is to come, because of `fault` of our own if any."""
        self.fault = self.fault or fault
        self.ended.set()
        self.go.set()
        self.over.set()

    def mute(self) -> None:
        """Pass nothing on to `on_output` any more: nobody waits for it."""
        self._on_output = None

    # -- inside

    def _take_mark(self, stream: str, held: bytearray) -> bool:
        """Take the mark that `held` begins with; False if it is not all there yet."""
        begin = len(self._token)
        kind = bytes(held[begin : begin + 1])
        if not kind:
            return False
        if kind == b":" and stream == "stdout":
            return self._take_record(held, begin + 1)
        end = held.find(b"\n", begin, begin + _MARK_LIMIT)
        if end < 0:
            if len(held) >= begin + _MARK_LIMIT:
                raise Violation("a mark without an end")
            return False
        self._note(stream, kind, bytes(held[begin + 1 : end]))
        del held[: end + 1]
        return True

    def _take_record(self, held: bytearray, begin: int) -> bool:
        end = held.find(self._token + b";", max(begin, self._seen - len(self._token)))
        self._seen = len(held)
        self._records_size += end - begin if end >= 0 else 0
        if self._records_size + (len(held) if end < 0 else 0) > RECORDS_LIMIT:
            raise Violation(f"records of more than {RECORDS_LIMIT >> 20} MiB")
        if end < 0:
            return False
        key, equals, value = bytes(held[begin:end]).partition(b"=")
        if not equals:
            raise Violation("a record without a value")
        self.records.append((key.decode("utf-8", "replace"), value))
        del held[: end + len(self._token) + 1]
        self._seen = 0
        return True

    def _note(self, stream: str, kind: bytes, text: bytes) -> None:
        if stream == "stdout" and kind in (b".", b"<"):
            if not _NUMBER.fullmatch(text):
                raise Violation("an exit status that is no number")
            self.code = int(text)
        if kind == b".":
            self._open.discard(stream)
        elif stream == "stdout" and kind == b">":
            self.go.set()
        elif stream == "stdout" and kind == b"<":
            self.over.set()
        elif stream == "stdout" and kind == b"!" and not self._open - {"stderr"}:
            self.ready.set()
        else:
            raise Violation("an unknown mark")
        if self.complete:
            self.ended.set()

    def _keep(self, stream: str, held: bytearray, size: int) -> None:
        """Move the first `size` bytes of `held` to what is kept of `stream`."""
        if size <= 0:
            return
        data = bytes(held[:size])
        del held[:size]
        if stream not in self._open:
            return  # of a process that the program left behind
        (self.stdout if stream == "stdout" else self.stderr).feed(data)
        if self._on_output is None:
            return
        try:
            self._on_output(stream, data)
        except Exception as error:  # noqa: BLE001  the caller raises it; here it would tear down the connection
            self._on_output = None
            self.fail(error)

    def _partial(self, held: bytearray) -> int:
        """How many bytes at the end of `held` may be the beginning of the token."""
        for size in range(min(len(self._token) - 1, len(held)), 0, -1):
            if held.endswith(self._token[:size]):
                return size
        return 0
