"""Listening sockets and who holds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal

from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.ssh.result import Status

Protocol = Literal["tcp", "udp"]
MAX_SOCKETS = 4096
MAX_PID = 1 << 22
MAX_INODE = MAX_TICKS = 10**18 - 1
_LATEST = 253_402_214_399  # 9999-12-30, the last day that a datetime can hold in every time zone
_TABLES: Mapping[str, Protocol] = {"tcp": "tcp", "tcp6": "tcp", "udp": "udp", "udp6": "udp"}


class Ownership(StrEnum):
    """What is known of a socket's holder. `NONE` was seen with full rights: the kernel, or another PID namespace."""

    KNOWN = "known"
    HIDDEN = "hidden"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Process:
    """A process on a host, told apart from a later one with the same `pid` by `ticks`.

    `ticks` is its start in clock ticks since boot (field 22 of proc_pid_stat(5)), `started` the same as a time of day.
    `manager` is "system", or the uid of the user whose systemd runs `unit`. `container` is a hint from the cgroup path,
    like ``docker:0123456789ab``. `command` is cut at 256 bytes.
    """

    pid: int
    ticks: int
    started: datetime
    user: str
    unit: str
    manager: str
    container: str
    name: str
    command: str


@dataclass(frozen=True, slots=True)
class Port:
    """A listening TCP socket or an unconnected UDP socket. `user` made it; `processes` hold it, lowest pid first."""

    protocol: Protocol
    address: str
    port: int
    inode: int
    user: str
    ownership: Ownership
    processes: tuple[Process, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One entry of ``ports --json``: the first process, and the pids of all."""
        first = self.processes[0] if self.processes else None
        return {
            "protocol": self.protocol,
            "address": self.address,
            "port": self.port,
            "pid": first and first.pid,
            "process": first and first.name,
            "unit": (first and first.unit) or None,
            "container": (first and first.container) or None,
            "command": first and first.command,
            "user": self.user,
            "started": first and first.started.isoformat(),
            "owner": self.ownership.value,
            "pids": [process.pid for process in self.processes],
        }


@dataclass(frozen=True, slots=True)
class PortsAnswer:
    """What one host said. `ports` counts only when `status` is OK; `more` sockets beyond 4096 are left out."""

    host: str
    status: Status
    ports: tuple[Port, ...] = ()
    more: int = 0
    detail: str = ""

    @property
    def hidden(self) -> int:
        """How many sockets have an owner that we may not see."""
        return sum(port.ownership is Ownership.HIDDEN for port in self.ports)

    def to_json(self) -> dict[str, Any]:
        """One host of ``ports --json``."""
        return {
            "host": self.host,
            "status": self.status.value,
            "ports": [port.to_json() for port in self.ports],
            "hidden": self.hidden,
            "more": self.more,
            "detail": self.detail,
        }


def read_ports(frame: Frame) -> tuple[Port, ...]:
    """The sockets of a ``ports``, ``inspect`` or ``close`` answer, in order of port number; or UnreadableAnswer."""
    (order,) = _single(frame, "byteorder")
    (view,) = _single(frame, "view")
    if order not in ("little", "big") or view not in ("whole", "partial"):
        raise UnreadableAnswer("byte order or view is missing")
    holders = _holders(frame)
    sockets = [_socket(fields, order == "little", view == "whole", holders) for fields in frame.of("socket", 4)]
    if len(sockets) > MAX_SOCKETS:
        raise UnreadableAnswer(f"it has more than {MAX_SOCKETS} sockets")
    return tuple(sorted(sockets, key=lambda port: (port.protocol, port.port, port.address, port.inode)))


def read_more(frame: Frame) -> int:
    """How many sockets the script left out."""
    return sum(number(count, MAX_INODE) for (count,) in frame.of("more", 1))


def read_processes(frame: Frame) -> tuple[Process, ...]:
    """The processes of any answer, as they come; UnreadableAnswer when a line is not what the script writes."""
    return tuple(map(_process, frame.of("process", 9)))


def read_time(field: str) -> datetime:
    """A field that holds seconds since the epoch; UnreadableAnswer for any other."""
    return datetime.fromtimestamp(number(field, _LATEST), UTC)


def _single(frame: Frame, kind: str) -> tuple[str]:
    found = list(frame.of(kind, 1))
    if len(found) != 1:
        raise UnreadableAnswer(f"it has {len(found)} lines of kind {kind}")
    return (found[0][0],)


def _holders(frame: Frame) -> dict[int, tuple[Process, ...]]:
    """Processes by socket inode. A holder that ended while we looked has no process line and is left out."""
    processes = {process.pid: process for process in read_processes(frame)}
    pids: defaultdict[int, set[int]] = defaultdict(set)
    for inode, pid in frame.of("owner", 2):
        pids[number(inode, MAX_INODE)].add(number(pid, MAX_PID))
    return {inode: tuple(processes[pid] for pid in sorted(held) if pid in processes) for inode, held in pids.items()}


def _process(fields: tuple[str, ...]) -> Process:
    pid, ticks, started, *words = fields
    user, unit, manager, container, name, command = (clean_line(word, 256) for word in words)
    return Process(
        pid=number(pid, MAX_PID),
        ticks=number(ticks, MAX_TICKS),
        started=read_time(started),
        user=user,
        unit=unit,
        manager=manager,
        container=container,
        name=name,
        command=command,
    )


def _socket(fields: tuple[str, ...], little: bool, whole: bool, holders: Mapping[int, tuple[Process, ...]]) -> Port:
    table, local, inode_field, user = fields
    address, separator, port = local.partition(":")
    if table not in _TABLES or not separator or len(port) != 4:
        raise UnreadableAnswer(f"socket {clean_line(table, 10)} {clean_line(local, 50)!r}")
    inode = number(inode_field, MAX_INODE)
    processes = holders.get(inode, ())
    unseen = Ownership.NONE if whole and inode not in holders else Ownership.HIDDEN
    return Port(
        protocol=_TABLES[table],
        address=_address(address, little, six=table.endswith("6")),
        port=int.from_bytes(_hex(port, 2), "big"),
        inode=inode,
        user=clean_line(user, 64),
        ownership=Ownership.KNOWN if processes else unseen,
        processes=processes,
    )


def _address(text: str, little: bool, *, six: bool) -> str:
    """proc_pid_net(5): the words of an address in the host's own byte order, each as eight hexadecimal digits."""
    raw = _hex(text, 16 if six else 4)
    if little:
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    if not six:
        return str(IPv4Address(raw))
    mapped = IPv6Address(raw).ipv4_mapped
    return f"::ffff:{mapped}" if mapped else str(IPv6Address(raw))


def _hex(text: str, size: int) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != size or len(text) != 2 * size:
        raise UnreadableAnswer(f"{clean_line(text, 40)!r} is not {size} bytes in hexadecimal")
    return raw
