"""Output of any size in bounded memory: the head, the tail, and a count of the rest."""

from __future__ import annotations


class Capture:
    """Keeps the first and the last `limit` / 2 bytes of a stream.

    Memory stays below 2 x `limit` whatever arrives; a single line of any length is cut like everything else.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._head_room = limit // 2
        self._tail_room = limit - self._head_room
        self._head = bytearray()
        self._tail = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self.size += len(data)
        room = self._head_room - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-self._tail_room :] if self._tail_room else b""
        if len(self._tail) > 2 * self._tail_room:
            del self._tail[: len(self._tail) - self._tail_room]

    @property
    def truncated(self) -> bool:
        """True if bytes were left out of `value`."""
        return self.size > self._head_room + self._tail_room

    @property
    def value(self) -> bytes:
        """The bytes kept; where the middle was left out, a line says how many bytes are missing."""
        if not self.truncated:
            return bytes(self._head + self._tail)
        tail = self._tail[max(0, len(self._tail) - self._tail_room) :]
        missing = self.size - len(self._head) - len(tail)
        return b"%b\n[... %d bytes left out ...]\n%b" % (bytes(self._head), missing, bytes(tail))
