"""Freeing a port: what would be ended, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.fleet.ports import MAX_INODE, MAX_PID, MAX_TICKS, Port, Process, Protocol, read_ports
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


_ENDINGS = frozenset({"gone", "released", "changed", "denied", "hidden", "alive"})
_ABOUT = ("byteorder", "view", "socket", "owner", "process", "more", "protected", "unit", "connections", "activator")
_DONE = ("began", "refused", "outcome", "stopped")


def read_inspection(host: str, port: int, frame: Frame) -> Inspection:
    """The answer to ``inspect``; UnreadableAnswer when it is not one, or is about another port."""
    frame.only(_ABOUT)
    ports, units = _sockets(frame, port), _units(frame)
    protected = {number(pid, MAX_PID): clean_line(reason) for pid, reason in frame.of("protected", 2)}
    return Inspection(
        host=host,
        status=Status.OK,
        port=port,
        ports=ports,
        targets=_targets(ports, protected, {unit.name: unit for unit in units}),
        units=units,
        activators=tuple(clean_line(unit) for unit, _ in frame.of("activator", 2)),
        connections=sum(number(count, MAX_INODE) for (count,) in frame.of("connections", 1)),
    )


def read_close(host: str, port: int, targets: tuple[Target, ...], frame: Frame, duration: float) -> CloseOutcome:
    """The answer to ``close``, judged; UnreadableAnswer when it is not one."""
    frame.only((*_ABOUT, *_DONE))
    now, units, endings = _sockets(frame, port), _units(frame), _endings(frame)
    began = [number(ticks, MAX_TICKS) for (ticks,) in frame.of("began", 1)]
    if len(began) != 1:
        raise UnreadableAnswer("it does not say when it began")
    refused = [clean_line(reason) for _, reason in frame.of("refused", 2)]
    inodes = {inode for target in targets for inode in target.inodes}
    state, detail = _judge(refused, endings, now, units, _newcomers(now, inodes, began[0]))
    return CloseOutcome(host, state, detail, endings, now, units, duration)


def read_unit_stop(host: str, port: int, unit: str, frame: Frame, duration: float) -> CloseOutcome:
    """The answer to ``unit-stop``, judged; UnreadableAnswer when it is not one."""
    frame.only((*_ABOUT, *_DONE))
    now, units, endings = _sockets(frame, port), _units(frame), _endings(frame)
    refused = [clean_line(reason) for _, reason in frame.of("refused", 2)]
    running = [clean_line(name) for name, active in frame.of("stopped", 2) if active not in ("inactive", "failed")]
    if refused:
        state, detail = CloseState.REFUSED, refused[0]
    elif endings:
        state, detail = CloseState.NOT_DONE, f"systemd did not agree to stop {unit}"
    elif now:
        state, detail = CloseState.STILL_OPEN, f"held by {_names(now)}"
    elif running or not list(frame.of("stopped", 2)):
        state, detail = CloseState.UNKNOWN, f"{' '.join(running) or unit} has not stopped yet"
    else:
        state, detail = CloseState.CLOSED, f"{unit} is stopped"
    return CloseOutcome(host, state, detail, endings, now, units, duration)


def _judge(
    refused: list[str], endings: tuple[Ending, ...], now: tuple[Port, ...], units: tuple[Unit, ...], newcomers: bool
) -> tuple[CloseState, str]:
    signalled = any(ending.signal != "none" for ending in endings)
    denied = [each.pid for each in endings if each.state == "denied" or (each.state, each.signal) == ("hidden", "none")]
    restarting = [unit for unit in units if unit.restarting]
    if refused:
        return CloseState.REFUSED, refused[0]
    if denied:
        return CloseState.STILL_OPEN, f"no right to signal pid {denied[0]}"
    if not signalled:
        free = "" if now else "; the port is free already"
        return CloseState.CHANGED, f"what held the port is no longer what was shown{free}"
    if now and newcomers:
        return CloseState.RESTARTED, f"opened again by {_names(now)}"
    if now:
        return CloseState.STILL_OPEN, f"held by {_names(now)}"
    if restarting:
        return (
            CloseState.RESTARTED,
            f"systemd is about to restart {restarting[0].name} (Restart={restarting[0].restart})",
        )
    if any(ending.state in ("alive", "hidden") for ending in endings):
        return CloseState.UNKNOWN, "a process did not end, though the port is no longer listed"
    return CloseState.CLOSED, "killed, it ignored TERM" if any(e.signal == "KILL" for e in endings) else ""


def _newcomers(now: tuple[Port, ...], inodes: set[int], began: int) -> bool:
    """True if every socket is a new one, held by processes that all started since we began."""
    return all(
        port.inode not in inodes and port.processes and all(process.ticks >= began for process in port.processes)
        for port in now
    )


def _names(ports: tuple[Port, ...]) -> str:
    holders = {process.pid: process for port in ports for process in port.processes}
    names = [f"{process.name} (pid {pid})" for pid, process in sorted(holders.items())]
    hidden = [] if all(port.processes for port in ports) else ["an owner we cannot see"]
    return ", ".join([*names[:3], *hidden]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _sockets(frame: Frame, port: int) -> tuple[Port, ...]:
    ports = read_ports(frame)
    if any(each.port != port for each in ports):
        raise UnreadableAnswer(f"it is not about port {port}")
    return ports


def _targets(ports: tuple[Port, ...], protected: dict[int, str], units: dict[str, Unit]) -> tuple[Target, ...]:
    held: defaultdict[tuple[Protocol, Process], list[Port]] = defaultdict(list)
    for port in ports:
        for process in port.processes:
            held[port.protocol, process].append(port)
    return tuple(
        Target(
            protocol=protocol,
            port=sockets[0].port,
            process=process,
            inodes=tuple(sorted(socket.inode for socket in sockets)),
            addresses=tuple(socket.address for socket in sockets),
            unit=units.get(process.unit) if process.manager == "system" else None,
            protected=protected.get(process.pid, ""),
        )
        for (protocol, process), sockets in held.items()
    )


def _units(frame: Frame) -> tuple[Unit, ...]:
    found = []
    for fields in frame.of("unit", 5):
        name, restart, active, sub, sockets = (clean_line(field, 1000) for field in fields)
        activating = tuple(word for word in sockets.split() if word.endswith(".socket"))
        found.append(Unit(name, restart, active, sub, activating))
    return tuple(found)


def _endings(frame: Frame) -> tuple[Ending, ...]:
    endings = []
    for pid, state, signal in frame.of("outcome", 3):
        if state not in _ENDINGS or signal not in ("none", "TERM", "KILL"):
            raise UnreadableAnswer(f"outcome {clean_line(state, 20)!r} by {clean_line(signal, 20)!r}")
        endings.append(Ending(number(pid, MAX_PID), state, signal))
    return tuple(endings)
