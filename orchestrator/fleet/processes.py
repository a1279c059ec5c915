"""What keeps a host busy: its processes by time and by memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.fleet.ports import MAX_PID, MAX_TICKS, read_processes
from orchestrator.ssh.result import Status

_MOST = 100  # the script names twenty by each measure
_MAX_KB = 1 << 40


class By(StrEnum):
    """What processes are put in order by."""

    CPU = "cpu"
    MEMORY = "mem"


@dataclass(frozen=True, slots=True)
class BusyProcess:
    """A process and what it takes.

    `cpu` is a ratio of one core over some 0.7 s and may be above 1; `memory_bytes` is its resident set. `state` is the
    kernel's letter (proc_pid_stat(5)); `command` is empty for threads of the kernel.
    """

    pid: int
    ticks: int
    user: str
    cpu: float
    memory_bytes: int
    name: str
    command: str
    started: datetime
    state: str
    unit: str
    container: str

    @property
    def title(self) -> str:
        """Its command line, else its name as ps(1) has it for threads of the kernel."""
        return self.command or f"[{self.name}]"

    def to_json(self) -> dict[str, Any]:
        """One entry of ``top --json``."""
        return {
            "pid": self.pid,
            "user": self.user,
            "cpu": round(self.cpu, 4),
            "memory_bytes": self.memory_bytes,
            "process": self.name,
            "command": self.command,
            "started": self.started.isoformat(),
            "state": self.state,
            "unit": self.unit or None,
            "container": self.container or None,
        }


@dataclass(frozen=True, slots=True)
class TopAnswer:
    """What one host said; counts only when `status` is OK.

    `processes` are the busiest by either measure, busiest by CPU first, without those that looked; `total` is how many
    there are. `partial`: the host shows only our own processes (hidepid, proc(5)).
    """

    host: str
    status: Status
    detail: str = ""
    processes: tuple[BusyProcess, ...] = ()
    total: int = 0
    partial: bool = False

    def by(self, measure: By) -> tuple[BusyProcess, ...]:
        """The processes, those first that take most."""
        return tuple(sorted(self.processes, key=lambda each: _takes(each, measure), reverse=True))

    def to_json(self) -> dict[str, Any]:
        """One host of ``top --json``."""
        return {
            "host": self.host,
            "status": self.status.value,
            "processes": [process.to_json() for process in self.processes],
            "total": self.total,
            "partial": self.partial,
            "detail": self.detail,
        }


def read_top(host: str, frame: Frame) -> TopAnswer:
    """The answer to ``top``; UnreadableAnswer when it is not one. A process that ended meanwhile is left out."""
    frame.only(("clock", "view", "sample", "busy", "process"))
    clocks, views, samples = list(frame.of("clock", 1)), list(frame.of("view", 1)), list(frame.of("sample", 2))
    if (len(clocks), len(views), len(samples)) != (1, 1, 1):
        raise UnreadableAnswer("it does not say how long it looked")
    interval = number(samples[0][0], MAX_TICKS) / 100 * number(clocks[0][0], 10**6)
    if interval <= 0:
        raise UnreadableAnswer("it looked for no time")
    known = {(process.pid, process.ticks): process for process in read_processes(frame)}
    busy = []
    for pid, ticks, spent, kilobytes, state in frame.of("busy", 5):
        process = known.get((number(pid, MAX_PID), number(ticks, MAX_TICKS)))
        if process is None:
            continue
        busy.append(
            BusyProcess(
                pid=process.pid,
                ticks=process.ticks,
                user=process.user,
                cpu=number(spent, MAX_TICKS) / interval,
                memory_bytes=number(kilobytes, _MAX_KB) * 1024,
                name=process.name,
                command=process.command,
                started=process.started,
                state=clean_line(state, 1),
                unit=process.unit,
                container=process.container,
            )
        )
    if len(busy) > _MOST:
        raise UnreadableAnswer(f"it has more than {_MOST} processes")
    answer = TopAnswer(host, Status.OK, "", tuple(busy), number(samples[0][1], MAX_PID), views[0][0] == "partial")
    return TopAnswer(host, Status.OK, "", answer.by(By.CPU), answer.total, answer.partial)


def _takes(process: BusyProcess, measure: By) -> tuple[float, float, int]:
    if measure is By.CPU:
        return process.cpu, process.memory_bytes, -process.pid
    return process.memory_bytes, process.cpu, -process.pid
