"""How a host is doing right now: one reading, for lists of hosts. Series come from Prometheus."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.ssh.result import Status

_MOST = 10**18 - 1
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_OCTAL = re.compile(r"\\([0-7]{3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted local file system. `used` is a ratio 0-1 of what users may fill, as df(1) shows it."""

    mount: str
    used: float


@dataclass(frozen=True, slots=True)
class Vitals:
    """One reading. Ratios are 0-1 and None when the host does not say; `uptime` is in seconds.

    `cpu` is the busy share of all processors over about 0.4 s (idle and iowait are not busy), `memory` the share that
    is not MemAvailable (proc_meminfo(5)), `disk` the fullest real file system, `load` the averages of 1, 5 and 15
    minutes.
    """

    cpu: float | None
    memory: float | None
    disk: Disk | None
    load: tuple[float, float, float] | None
    cpus: int | None
    uptime: float | None
    kernel: str
    system: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class VitalsAnswer:
    """What one host said; `vitals` is None unless `status` is OK."""

    host: str
    status: Status
    vitals: Vitals | None = None
    detail: str = ""


def read_vitals(frame: Frame) -> Vitals:
    """The reading in a ``vitals`` answer; UnreadableAnswer when a line is not what the script writes."""
    frame.only(("cpu", "memory", "load", "uptime", "kernel", "boot", "cpus", "system", "disk"))
    memory = {key: number(value, _MOST) for key, value in frame.of("memory", 2)}
    disks = [_disk(fields) for fields in frame.of("disk", 5)]
    uptime = _text(frame, "uptime").split()
    load = [_decimal(word) for word in _text(frame, "load").split()[:3]]
    return Vitals(
        cpu=_busy([fields[0] for fields in frame.of("cpu", 1)]),
        memory=_ratio(memory.get("MemTotal", 0) - memory["MemAvailable"], memory.get("MemTotal", 0))
        if "MemAvailable" in memory
        else None,
        disk=max((disk for disk in disks if disk), key=lambda disk: disk.used, default=None),
        load=(load[0], load[1], load[2]) if len(load) == 3 else None,
        cpus=number(_text(frame, "cpus") or "0", 1 << 20) or None,
        uptime=_decimal(uptime[0]) if uptime else None,
        kernel=_text(frame, "kernel"),
        system=_text(frame, "system"),
        boot_id=_text(frame, "boot"),
    )


def _text(frame: Frame, kind: str) -> str:
    return clean_line(next(iter(frame.of(kind, 1)), ("",))[0], 100)


def _decimal(word: str) -> float:
    if not _DECIMAL.fullmatch(word):
        raise UnreadableAnswer(f"{clean_line(word, 20)!r} is not a number")
    return float(word)


def _ratio(part: int, whole: int) -> float | None:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else None


def _busy(samples: list[str]) -> float | None:
    """From two first lines of /proc/stat. Fields 9 and 10 (guest) are in user and nice already (proc_stat(5))."""
    if len(samples) != 2:
        return None
    before, after = ([number(word, _MOST) for word in sample.split()[1:9]] for sample in samples)
    if len(before) < 5 or len(before) != len(after):
        raise UnreadableAnswer("the cpu line of /proc/stat is too short")
    spent = [max(0, later - earlier) for earlier, later in zip(before, after, strict=True)]  # iowait may run backwards
    return _ratio(sum(spent) - spent[3] - spent[4], sum(spent))


def _disk(fields: tuple[str, ...]) -> Disk | None:
    _, blocks, free, available = (number(field, _MOST) for field in fields[:4])
    used = blocks - free
    ratio = _ratio(used, used + available)
    if ratio is None or math.isnan(ratio):
        return None
    return Disk(clean_line(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4]), 200), ratio)
