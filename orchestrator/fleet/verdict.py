"""What the answers to ``inspect``, ``close`` and ``unit-stop`` mean."""

from __future__ import annotations

from collections import defaultdict

from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.close import CloseOutcome, CloseState, Ending, Inspection, Target, Unit
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.fleet.ports import MAX_INODE, MAX_PID, MAX_TICKS, Port, Process, Protocol, read_ports
from orchestrator.ssh.result import Status

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
