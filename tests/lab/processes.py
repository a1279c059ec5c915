"""Finding processes by what they are rather than by remembered numbers, which a crash would leave behind stale."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def arguments(pid: int) -> list[str]:
    """Command line of a process; empty when it is gone, a zombie or the kernel's own."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def of_program(program: str, argument: str) -> list[int]:
    """Processes started as `program` with exactly this argument among theirs."""
    return [pid for pid in _pids() if (words := arguments(pid)) and words[0] == program and argument in words]


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    try:
        return [int(child) for child in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def name(pid: int) -> str:
    """Short name of a process (comm), empty when it is gone."""
    return _stat(pid)[0]


def state(pid: int) -> str:
    """State letter of proc(5): R, S, T (stopped), Z (zombie) ...; empty when the process is gone."""
    return _stat(pid)[1]


def parent(pid: int) -> int:
    """Parent of a process, 0 when it is gone."""
    return int(_stat(pid)[2] or 0)


def started(pid: int) -> str:
    """Start time in clock ticks since boot, which tells a process from a later one of the same number."""
    return _stat(pid)[3]


def _stat(pid: int) -> tuple[str, str, str, str]:
    try:
        head, _, tail = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return "", "", "", ""
    fields = tail.split()
    return head.partition("(")[2], fields[0], fields[1], fields[19]


def namespace(pid: int, kind: str = "pid") -> str:
    """Identity of a process's namespace of that kind, empty when it is gone or not ours to see."""
    try:
        return str((_PROC / str(pid) / "ns" / kind).readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def beside(leader: int) -> list[int]:
    """All processes of the PID namespace that `leader` is process 1 of."""
    inside = namespace(leader)
    return [pid for pid in _pids() if namespace(pid) == inside] if inside else []


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    return state(pid) not in ("", "Z", "X")


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
