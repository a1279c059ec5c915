"""Who is on a host, and ending one of those sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.fleet.ports import MAX_PID, MAX_TICKS, Process, read_processes, read_time
from orchestrator.ssh.result import Status

_OURS = {"carries": "it carries this request", "alike": "it is a connection of the orchestrator"}
_HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody logged in. A session is known by its leader, a process with its start in `ticks`.

    `id` is short, for people: logind's number, or ``p`` and the leader's pid. `address` is where it came from, empty on
    the machine itself; `terminal` is empty for what has none (sftp, a command, a port forward); `idle` is the seconds
    since somebody typed. `runs` is what is in front on the terminal, else its first process; `members` counts all.
    `ours` says why it must not be ended; empty when it may be.
    """

    leader: int
    ticks: int
    id: str
    user: str
    service: str
    type: str
    started: datetime
    address: str = ""
    port: int | None = None
    terminal: str = ""
    idle: int | None = None
    members: int = 1
    runs: Process | None = None
    ours: str = ""

    @property
    def argument(self) -> str:
        """As ``hostctl kick`` takes it; it is checked again right before each signal."""
        return f"{self.leader}:{self.ticks}"

    def to_json(self) -> dict[str, Any]:
        """One entry of ``who --json``."""
        return {
            "session": self.id,
            "user": self.user,
            "terminal": self.terminal or None,
            "address": self.address or None,
            "port": self.port,
            "since": self.started.isoformat(),
            "idle_s": self.idle,
            "leader": self.leader,
            "service": self.service or None,
            "type": self.type or None,
            "processes": self.members,
            "command": self.runs and (self.runs.command or self.runs.name),
            "ours": bool(self.ours),
        }


@dataclass(frozen=True, slots=True)
class WhoAnswer:
    """What one host said; counts only when `status` is OK. `partial`: without root, connections may be hidden."""

    host: str
    status: Status
    detail: str = ""
    sessions: tuple[Session, ...] = ()
    partial: bool = False

    def to_json(self) -> dict[str, Any]:
        """One host of ``who --json``."""
        return {
            "host": self.host,
            "status": self.status.value,
            "sessions": [session.to_json() for session in self.sessions],
            "partial": self.partial,
            "detail": self.detail,
        }


class KickState(StrEnum):
    """How an attempt to end a session ended. `ENDED` alone means: it was there, and none of its processes is left.

    `GONE`: it had ended before. `CHANGED`: its leader lives, but leads no session any more; nothing was ended.
    `REFUSED`: it is one of ours, nothing was ended. `ALIVE`: something of it would not end, or may not be signalled.
    `NOT_DONE`: the host was not reached or refused the request. `UNKNOWN`: we lost sight of it.
    """

    ENDED = "ended"
    GONE = "gone"
    CHANGED = "changed"
    REFUSED = "refused"
    ALIVE = "alive"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KickOutcome:
    """What came of it; `duration` in seconds."""

    host: str
    state: KickState
    detail: str = ""
    duration: float = 0.0

    @property
    def exit_status(self) -> int:
        """What the command line ends with: 0 ended or gone, 3 refused, 4 lost sight of or never reached, else 1."""
        by_state = {KickState.ENDED: 0, KickState.GONE: 0, KickState.REFUSED: 3}
        return by_state.get(self.state, 4 if self.state in (KickState.NOT_DONE, KickState.UNKNOWN) else 1)


def find_session(host: str, sessions: Sequence[Session], wanted: str) -> Session:
    """The one that `wanted` names: its id, its terminal, or its user if that has one only; else UsageError."""
    terminal = wanted.removeprefix("/dev/")
    name = clean_line(wanted, 40) or "''"
    found = [each for each in sessions if wanted == each.id or terminal == each.terminal != ""]
    found = found or [each for each in sessions if wanted == each.user != "" and not each.ours]
    if len(found) > 1:
        ids = ", ".join(session.id for session in found[:8])
        raise UsageError(f"{name} has {len(found)} sessions", where=host, remedy=f"Name one of them: {ids}")
    if not found:
        ids = ", ".join([session.id for session in sessions if not session.ours][:8])
        remedy = f"Name one of them: {ids}" if ids else "Only our own sessions are seen"
        raise UsageError(f"there is no session {name}", where=host, remedy=remedy)
    return found[0]


def read_who(host: str, frame: Frame) -> WhoAnswer:
    """The answer to ``who``; UnreadableAnswer when it is not one."""
    frame.only(("view", "session", "process"))
    processes = {process.pid: process for process in read_processes(frame)}
    sessions = [_session(fields, processes) for fields in frame.of("session", 15)]
    partial = ("partial",) in frame.of("view", 1)
    return WhoAnswer(
        host, Status.OK, "", tuple(sorted(sessions, key=lambda each: (each.started, each.leader))), partial
    )


def read_kick(host: str, frame: Frame, duration: float) -> KickOutcome:
    """The answer to ``kick``, judged; UnreadableAnswer when it is not one."""
    frame.only(("began", "refused", "outcome"))
    for (why,) in frame.of("refused", 1):
        return KickOutcome(host, KickState.REFUSED, _OURS.get(why, clean_line(why)), duration)
    outcomes = list(frame.of("outcome", 2))
    if len(outcomes) != 1:
        raise UnreadableAnswer("it does not say what came of it")
    ((state, signal),) = outcomes
    if signal not in ("none", "HUP", "TERM", "KILL"):
        raise UnreadableAnswer(f"signal {clean_line(signal, 20)!r}")
    match state:
        case "ended":
            killed = "some of it had to be killed" if signal == "KILL" else ""
            return KickOutcome(host, KickState.ENDED, killed, duration)
        case "gone":
            return KickOutcome(host, KickState.GONE, "", duration)
        case "changed":
            return KickOutcome(host, KickState.CHANGED, "what led it leads no session any more", duration)
        case "denied":
            return KickOutcome(host, KickState.ALIVE, "no right to end all of it", duration)
        case "alive":
            return KickOutcome(host, KickState.ALIVE, "some of it does not end", duration)
    raise UnreadableAnswer(f"outcome {clean_line(state, 20)!r}")


def _session(fields: tuple[str, ...], processes: dict[int, Process]) -> Session:
    leader, ticks, started, *words, members, runs, ours = fields
    name, user, service, kind, terminal, idle, remote, port, said = ("" if word == "-" else word for word in words)
    if ours not in ("-", *_OURS):
        raise UnreadableAnswer(f"a session is {clean_line(ours, 20)!r}")
    pid = number(leader, MAX_PID)
    return Session(
        leader=pid,
        ticks=number(ticks, MAX_TICKS),
        id=clean_line(name, 20) or f"p{pid}",
        user=clean_line(user, 64),
        service=clean_line(service, 32),
        type=clean_line(kind, 32),
        started=read_time(started),
        address=str(read_address(remote)) if remote else _told(said),
        port=_port(port) if port else None,
        terminal=clean_line(terminal, 32),
        idle=number(idle, MAX_TICKS) if idle else None,
        members=number(members, MAX_PID),
        runs=processes.get(number(runs, MAX_PID)),
        ours=_OURS.get(ours, ""),
    )


def read_address(text: str) -> IPv4Address | IPv6Address:
    """An address of 8 or 32 hexadecimal digits in network order; UnreadableAnswer for anything else."""
    if len(text) not in (8, 32) or not _HEX_DIGITS.issuperset(text):
        raise UnreadableAnswer(f"{clean_line(text, 40)!r} is not an address")
    raw = bytes.fromhex(text)
    return IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)


def _port(text: str) -> int:
    if len(text) != 4 or not _HEX_DIGITS.issuperset(text.lower()):
        raise UnreadableAnswer(f"{clean_line(text, 20)!r} is not a port")
    return int(text, 16)


def _told(text: str) -> str:
    """What logind was told of where it came from: often an address, perhaps a name."""
    try:
        return str(ip_address(text))
    except ValueError:
        return clean_line(text, 64)
