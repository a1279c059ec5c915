"""Freeing a port: what would be ended, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.fleet.ports import Port, Process, Protocol
from orchestrator.ssh.result import Status

_RESTARTS_AFTER_TERM = frozenset({"always", "on-success"})
_RESTARTS_AFTER_KILL = frozenset({"always", "on-failure", "on-abnormal", "on-abort"})


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit that has to do with a port. Fields are empty where systemd did not say.

    `restart` is its ``Restart=``, `sockets` the units that would start it again at the next connection.
    """

    name: str
    restart: str = ""
    active: str = ""
    sub: str = ""
    sockets: tuple[str, ...] = ()

    @property
    def restarts_after_term(self) -> bool:
        """SIGTERM is a clean end to systemd (systemd.service(5), Table 1)."""
        return self.restart in _RESTARTS_AFTER_TERM

    @property
    def restarts_after_kill(self) -> bool:
        """SIGKILL is an unclean end to systemd (the same table)."""
        return self.restart in _RESTARTS_AFTER_KILL

    @property
    def restarting(self) -> bool:
        """True if systemd is waiting to start it again."""
        return self.sub.startswith("auto-restart")


@dataclass(frozen=True, slots=True)
class Target:
    """One process that holds the port, all its sockets there, and the unit it belongs to, if it is the system's.

    `protected` says why it must not be ended; empty when it may be.
    """

    protocol: Protocol
    port: int
    process: Process
    inodes: tuple[int, ...]
    addresses: tuple[str, ...]
    unit: Unit | None = None
    protected: str = ""

    @property
    def argument(self) -> str:
        """As ``hostctl close`` takes it; it rechecks all three right before each signal."""
        return f"{self.process.pid}:{self.process.ticks}:{','.join(map(str, self.inodes))}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What listens on a port of one host, and what closing it would end. Counts only when `status` is OK.

    `ports` are all sockets, also those without a visible owner; `connections` the established TCP connections to the
    port; `activators` the systemd socket units that listen there themselves.
    """

    host: str
    status: Status
    port: int
    ports: tuple[Port, ...] = ()
    targets: tuple[Target, ...] = ()
    units: tuple[Unit, ...] = ()
    activators: tuple[str, ...] = ()
    connections: int = 0
    detail: str = ""


class CloseState(StrEnum):
    """How an attempt to free a port ended. `CLOSED` alone means: seen free, with nothing due to reopen it.

    `REFUSED`: nothing was signalled, a target is protected. `CHANGED`: nothing was signalled, a target is not what it
    was when it was inspected. `STILL_OPEN`: a target would not end, may not be signalled, or shares the port with
    others. `RESTARTED`: something has opened the port again, or systemd is about to. `NOT_DONE`: the host was not
    reached or refused the request, nothing was signalled. `UNKNOWN`: we lost sight of it; the port may be closed or
    not.
    """

    CLOSED = "closed"
    REFUSED = "refused"
    CHANGED = "changed"
    STILL_OPEN = "still_open"
    RESTARTED = "restarted"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one target.

    `state` is gone (ended), released (lives, without the port), changed, denied (no right to signal it), hidden (cannot
    be watched) or alive. `signal` is the last one it was sent: TERM, KILL or none.
    """

    pid: int
    state: str
    signal: str


@dataclass(frozen=True, slots=True)
class CloseOutcome:
    """What came of `close` or `stop_unit`. `now` is what listens on the port afterwards, `units` what systemd says."""

    host: str
    state: CloseState
    detail: str = ""
    endings: tuple[Ending, ...] = ()
    now: tuple[Port, ...] = ()
    units: tuple[Unit, ...] = ()
    duration: float = 0.0

    @property
    def exit_status(self) -> int:
        """What the command line ends with: 0 closed, 3 refused, 4 lost sight of or never reached, else 1."""
        return {CloseState.CLOSED: 0, CloseState.REFUSED: 3, CloseState.NOT_DONE: 4, CloseState.UNKNOWN: 4}.get(
            self.state, 1
        )
