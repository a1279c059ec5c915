"""What a host says while hostctl follows its log: lines, each with the position to go on from after it.

`fleet/hostctl/80-follow.sh` and `82-logfile.sh` say what is sent. The sender may be hostile or broken: what is kept is
bounded, and anything but the agreed forms ends the following.
"""

from __future__ import annotations

import base64
import re
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo

from orchestrator.errors import OrchestratorError

MAX_LINE = 1 << 20
"""Bytes: a longer line is passed over, and so is the rest of a file's line after it."""
_MAX_PIECE = 1 << 20
_HEAD = b"hostctl\t1\tfollow"
_CURSOR = re.compile(rb'"__CURSOR"\s*:\s*"([a-z0-9=;]{1,400})"', re.ASCII)
_POSITION = re.compile(r"[0-9]{1,18}:[0-9]{1,18}:[0-9]{1,3}:[0-9a-f]{1,16}:[0-9]{1,20}:[0-9]{1,12}", re.ASCII)
_SINCE = re.compile(r"since:[0-9]{1,10}", re.ASCII)
_NOTE = re.compile(r"[0-9]{1,3}\t[0-9a-f]{1,16}\t[0-9]{1,12}\t[0-9]{1,12}", re.ASCII)
_ZONE = re.compile(r"([+-])([01][0-9])([0-5][0-9])", re.ASCII)
_SOURCE = re.compile(r"[a-z.]{1,32}|/[A-Za-z0-9/._-]{1,200}", re.ASCII)


class Unreadable(OrchestratorError, ValueError):
    """A host sent what hostctl does not send."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot read what the host sends of its log: {why}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file or an entry of the journal, and where to go on after it."""

    data: bytes
    position: str
    now: float = 0.0
    """When it was read, seconds since the epoch by the host's clock; 0 for the journal, whose entries have stamps."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which log it is: ``journal``, the name of a file in /var/log, or a path."""

    name: str


@dataclass(frozen=True, slots=True)
class Begin:
    """Here it goes on, and nothing of it was read yet."""

    position: str


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All that a file held when it was begun with was read, up to here."""

    position: str


@dataclass(frozen=True, slots=True)
class Gap:
    """What was written since then (seconds since the epoch), up to the next line, may be lost."""

    since: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """The host cannot follow: why, and what mends it."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What there is to say of the log that was chosen; before its Source."""

    text: str


Record = Line | Source | Begin | CaughtUp | Gap | Trouble | Note


def cut(rest: bytearray, data: bytes) -> list[bytes]:
    """The lines that `data` ends, the first of them begun in `rest`; that is left with what has no end yet.

    Looks at each byte once: a host that sends a long line bit by bit must not cost the others their turn.
    """
    *lines, begun = data.split(b"\n")
    if lines:
        lines[0] = bytes(rest) + lines[0]
        rest.clear()
    rest += begun
    return lines


class Frames:
    """Reads what arrives, piece by piece. `after` is the entry of the journal to go on behind, `at` when that was."""

    def __init__(self, after: str = "", at: float = 0.0) -> None:
        self.zone: tzinfo = UTC
        """Of the host's stamps that name none."""
        self._after = after
        self._at = at
        self._rest = bytearray()
        self._greeted = False
        self._skipping = False
        self._piece: list[bytes] | None = None
        self._piece_size = 0
        self._file = _File()

    def feed(self, data: bytes) -> Iterator[Record]:
        """What `data` completes. Raises Unreadable."""
        for line in cut(self._rest, data):
            if self._skipping:
                self._skipping = False
            else:
                yield from self._line(line)
        if len(self._rest) > MAX_LINE:
            # Any user can write an entry of many MiB to the journal: it must not end the following.
            if not (self._skipping or self._rest.startswith(b"{")):
                raise Unreadable("a line without an end")
            self._rest.clear()
            self._skipping = True

    def _line(self, line: bytes) -> Iterator[Record]:
        if not self._greeted:  # a login shell may talk first
            self._greeted = line == _HEAD
        elif self._piece is not None:
            yield from self._of_piece(line)
        elif line.startswith(b"{"):
            yield from self._entry(line)
        elif line:
            yield from self._word(line.decode("utf-8", "replace"))

    def _entry(self, line: bytes) -> Iterator[Record]:
        found = _CURSOR.search(line)
        if found is None:
            raise Unreadable("an entry of the journal without a cursor")
        position = found[1].decode().replace("=", ":").replace(";", ",")
        after, self._after = self._after, ""
        if after == position:
            return
        if after:
            yield Gap(self._at)
        yield Line(line, position)

    def _of_piece(self, line: bytes) -> Iterator[Record]:
        assert self._piece is not None
        if line != b".":
            self._piece.append(line)
            self._piece_size += len(line) + 1
            if self._piece_size > _MAX_PIECE:
                raise Unreadable("a piece of a file without an end")
            return
        try:
            data = base64.b64decode(b"".join(self._piece), validate=True)
        except Base64Error as error:
            raise Unreadable("a piece of a file that is not base64") from error
        self._piece = None
        yield from self._file.lines(data)

    def _word(self, text: str) -> Iterator[Record]:
        word, _, value = text.partition("\t")
        if word == "source" and _SOURCE.fullmatch(value):
            if value != "journal":
                self._after = ""
            yield Source(value)
        elif word == "from" and _SINCE.fullmatch(value):
            self._after = ""
            yield Begin(value)
        elif word == "zone" and (zone := _ZONE.fullmatch(value)):
            offset = timedelta(hours=int(zone[2]), minutes=int(zone[3]))
            self.zone = timezone(-offset if zone[1] == "-" else offset)
        elif word == "file" and _POSITION.fullmatch(value):
            yield from self._file.goes_on(value)
        elif word == "data" and _NOTE.fullmatch(value):
            self._file.note(value)
            self._piece, self._piece_size = [], 0
        elif text == "live":
            yield CaughtUp(self._file.position)
        elif word == "gap" and value.isdecimal() and len(value) < 12:
            yield Gap(float(value))
        elif word == "note":
            yield Note(value)
        elif word == "error":
            yield Trouble(value)
        elif text != "end":
            raise Unreadable(f"{text[:40]!r}")


class _File:
    """Where we are in a file, and the beginning of a line whose end has not come."""

    def __init__(self) -> None:
        self._generation = self._inode = ""
        self._offset = 0
        self._head = "0:0"
        self._at = "0"
        self._now = 0.0
        self._partial = bytearray()
        self._skipping = False

    @property
    def position(self) -> str:
        """Behind the last whole line."""
        return f"{self._generation}:{self._offset}:{self._head}:{self._inode}:{self._at}"

    def goes_on(self, position: str) -> Iterator[Record]:
        """From `position`; a line that the file before did not end has ended with it."""
        generation, offset, length, total, inode, at = position.split(":")
        if (generation, int(offset)) == (self._generation, self._offset + len(self._partial)):
            self._inode = inode
            return
        if self._partial:
            self._offset += len(self._partial)
            yield self._as_line(bytes(self._partial))
        self._generation, self._offset, self._head, self._inode = generation, int(offset), f"{length}:{total}", inode
        self._at, self._skipping = at, False
        self._partial.clear()
        yield Begin(position)

    def note(self, value: str) -> None:
        """How the file begins, and what time it is."""
        length, total, self._at, now = value.split("\t")
        self._head, self._now = f"{length}:{total}", float(now)

    def lines(self, data: bytes) -> Iterator[Record]:
        """The lines that `data` completes."""
        for line in cut(self._partial, data):
            self._offset += len(line) + 1
            if not self._skipping:
                yield self._as_line(line)
            self._skipping = False
        if len(self._partial) > MAX_LINE:
            self._offset += len(self._partial)
            self._partial.clear()
            self._skipping = True

    def _as_line(self, data: bytes) -> Line:
        return Line(data, self.position, self._now)
