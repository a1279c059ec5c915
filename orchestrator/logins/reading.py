"""Records of one host's log, made into what is put down in one transaction."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from orchestrator.logins.event import Kind, LoginEvent
from orchestrator.logins.framing import Begin, CaughtUp, Frames, Gap, Line, Record, Source
from orchestrator.logins.journal import parse_journal
from orchestrator.logins.parse import parse_line
from orchestrator.logins.times import believed
from orchestrator.logins.unsaid import Unsaid
from orchestrator.store.logins import Cursor, Seen

_NOISE = frozenset({Kind.FAILED, Kind.INVALID_USER, Kind.PROBE, Kind.THROTTLED, Kind.DISCONNECTED})
_FOLDED = frozenset({Kind.FAILED, Kind.INVALID_USER, Kind.PROBE, Kind.THROTTLED})
"""What a flood is made of: the same from the same address in one batch is one event that counts."""
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Ours:
    """What our own work leaves in a host's log: sudo as `user`, of a command that begins with `command`."""

    user: str
    command: str


@dataclass
class Batch:
    """What one transaction is to put down."""

    source: str
    position: str
    gaps: list[float] = field(default_factory=list)
    events: dict[object, tuple[str, LoginEvent]] = field(default_factory=dict)
    lines: int = 0
    moved: bool = False
    """Whether there is anything to put down: a line was read, or a beginning is known."""
    newest: float = 0.0
    """The time of its newest event, by the host's clock; 0 without one."""

    @property
    def cursor(self) -> Cursor:
        """Behind its last line."""
        return Cursor(self.source, self.position, self.newest or time.time())

    @property
    def seen(self) -> list[Seen]:
        """Its events, as the store takes them."""
        return [
            Seen(place, event.time, event.kind.value, event.user, event.address, event.count, event.kind in _NOISE,
                 event.to_json())
            for place, event in self.events.values()
        ]  # fmt: skip

    def add(self, place: str, event: LoginEvent) -> None:
        """Take an event; one like it that is there already counts it instead."""
        alike: object = place
        if event.kind in _FOLDED and event.count:
            alike = (event.kind, event.user, event.address, event.method, event.verified)
        first = self.events.get(alike)
        self.events[alike] = (
            (place, event) if first is None else (first[0], replace(first[1], count=first[1].count + event.count))
        )
        self.newest = max(self.newest, event.time)


class Reading:
    """Understands what a host sends, going on behind `cursor`; our own sudo is left out."""

    def __init__(self, host: str, ours: Ours, cursor: Cursor | None) -> None:
        self.source = ""
        self.has_begun = cursor is not None
        """Whether it is known where to go on: before that, what is written now may be missed."""
        self._host = host
        self._ours = ours
        self._cursor = cursor
        self._position = ""
        self._floor: float | None = None
        """What a file holds from before that is passed over, until its first newer event or its end."""
        self._gaps: list[float] = []
        self._own_sudo: OrderedDict[int, None] = OrderedDict()
        self._unsaid = Unsaid()
        is_journal = cursor is not None and cursor.source == "journal" and not cursor.position.startswith("since:")
        self.frames = Frames(cursor.position, cursor.at) if cursor and is_journal else Frames()

    def batch(self) -> Batch:
        """An empty one."""
        return Batch(self.source, self._position)

    def take(self, record: Record, batch: Batch) -> None:
        """Add `record` to `batch`."""
        if isinstance(record, Source):
            batch.source = self.source = record.name
            if self._cursor is not None and self._cursor.source != record.name:
                self._lose(self._cursor.at)
        elif isinstance(record, Gap):
            self._lose(record.since)
        elif isinstance(record, Line):
            self._line(record, batch)
        elif isinstance(record, CaughtUp):
            if self._floor is not None:
                self._floor = None
                self._go_on(record.position, batch)
        elif isinstance(record, Begin) and self._floor is None:
            if self._is_turned_back(record.position):
                self._lose(self._cursor.at if self._cursor else 0.0)
            self._go_on(record.position, batch)
            if self.source != "journal" and record.position.startswith("since:"):
                self._floor = float(record.position[6:])

    def _is_turned_back(self, position: str) -> bool:
        """Whether the journal is not read from where we were, which by the host's clock is yet to come."""
        return (
            self.source == "journal"
            and position.startswith("since:")
            and self._cursor is not None
            and self._cursor.source == "journal"
            and self._cursor.position != position
        )

    def _go_on(self, position: str, batch: Batch) -> None:
        batch.position = self._position = position
        batch.moved = self.has_begun = True
        batch.gaps = _longest(*batch.gaps, *self._gaps)
        self._gaps.clear()

    def _lose(self, since: float) -> None:
        self._gaps = _longest(min(since, time.time()), *self._gaps)

    def _line(self, line: Line, batch: Batch) -> None:
        batch.lines += 1
        event = self._event(line)
        if self._floor is not None:
            if event is None or event.time < self._floor:
                return
            self._floor = None
        self._go_on(line.position, batch)
        if event is not None and not self._is_ours(event):
            batch.add(_place(line.position), _at_a_time_that_can_be(self._unsaid.judged(event)))

    def _event(self, line: Line) -> LoginEvent | None:
        if self.source == "journal":
            return parse_journal(line.data, host=self._host)
        return parse_line(line.data, host=self._host, source=_file(self.source), now=line.now, zone=self.frames.zone)

    def _is_ours(self, event: LoginEvent) -> bool:
        """True of each hostctl request's lines: the command, and PAM's, which have its process."""
        if event.program != "sudo":
            return False
        if event.kind is Kind.SUDO and event.ok and event.user == self._ours.user:
            ours = event.detail.startswith(self._ours.command)
            if ours and event.pid is not None:
                self._own_sudo[event.pid] = None
                while len(self._own_sudo) > _REMEMBERED:
                    self._own_sudo.popitem(last=False)
            elif event.pid is not None:
                self._own_sudo.pop(event.pid, None)
            return ours
        return event.pid is not None and event.pid in self._own_sudo


def _longest(*gaps: float) -> list[float]:
    """Those of one batch have one end, so one of them says it all, however many a host tells of."""
    return sorted(gaps)[:1]


def _at_a_time_that_can_be(event: LoginEvent) -> LoginEvent:
    now = time.time()
    return event if believed(event.time, now) else replace(event, time=now, stamp=event.time)


def _file(source: str) -> str:
    return source.rpartition("/")[2]


def _place(position: str) -> str:
    """What names a line within its source: the cursor of the journal; the generation and offset of a file."""
    return position if "," in position else ":".join(position.split(":")[:2])
