"""Readings of hosts from Prometheus: processors, memory and disks, now and over time.

Every expression counts only what was scraped while the host's exporter answered: without ``up == 1`` a rate goes on for
minutes after a host has died. Ratios are 0-1.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.monitor.client import PrometheusClient, Samples
from orchestrator.monitor.window import Window

RATE_S = 120
MOST_NAMED = 200  # hosts named in an expression; with more, all are asked for and the others left out here


class Metric(StrEnum):
    """What can be read."""

    CPU = "cpu"
    MEMORY = "mem"
    DISK = "disk"


THRESHOLD: Mapping[Metric, float] = {Metric.CPU: 0.8, Metric.MEMORY: 0.85, Metric.DISK: 0.9}
"""From where a reading is high, as a ratio."""

# File systems of the kernel's, of images and of containers' layers, and those that are another machine's.
_NO_DISK = (
    "autofs|bpf|cgroup2?|cifs|devpts|devtmpfs|efivarfs|fuse[.].*|iso9660|nfs4?|nsfs|overlay|proc|ramfs|rpc_pipefs"
    "|squashfs|sysfs|tmpfs|tracefs"
)
_NO_MOUNT = "/(dev|proc|run|sys|var/lib/(docker|containers|kubelet))(/.*)?"

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")  # what regexp.QuoteMeta of Go escapes


@dataclass(frozen=True, slots=True)
class Reading:
    """A ratio, and of disks the mount point."""

    value: float
    mount: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A ratio over time: pairs of Unix time in seconds and value. Where nothing is known there is no pair."""

    host: str
    points: tuple[tuple[float, float], ...]
    mount: str = ""

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]

    @property
    def mean(self) -> float:
        """The average of the points."""
        return sum(value for _, value in self.points) / len(self.points)

    @property
    def most(self) -> float:
        """The highest value."""
        return max(value for _, value in self.points)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One host as its last scrape has it; None is what the exporter does not say. `uptime` is in seconds."""

    cpu: float | None
    memory: float | None
    disks: tuple[Reading, ...]
    load: tuple[float, float, float] | None
    cpus: int | None
    uptime: float | None


class Absence(StrEnum):
    """Why there is no reading of a host."""

    DOWN = "down"  # its last scrape failed
    NEVER = "never"  # Prometheus knows no such host
    EMPTY = "empty"  # it is scraped, but has no sample there


class Metrics:
    """Readings of hosts by name. All methods raise `PrometheusError`."""

    def __init__(self, client: PrometheusClient) -> None:
        self._client = client

    @property
    def address(self) -> str:
        """Where Prometheus is, for people."""
        return self._client.address

    async def now(self, metric: Metric, hosts: Sequence[str]) -> Mapping[str, tuple[Reading, ...]]:
        """The newest readings by host; of disks one a file system, fullest first. Hosts without any are left out."""
        return _by_host(await self._vector(_expression(metric, _selector(hosts)), hosts))

    async def over(self, metric: Metric, hosts: Sequence[str], window: Window) -> tuple[Series, ...]:
        """The readings in a window, in the order of `hosts`, of disks one series a file system, fullest first."""
        promql = _expression(metric, _selector(hosts), max(RATE_S, window.step))
        answer = await self._client.query_range(promql, window.start, window.end, window.step)
        found: dict[str, list[Series]] = defaultdict(list)
        for series in _one_a_device([each for each in answer if each.points]):
            points = tuple((at, _ratio(value)) for at, value in series.points)
            host = series.labels.get("host", "")
            found[host].append(Series(host, points, series.labels.get("mountpoint", "")))
        return tuple(each for host in hosts for each in sorted(found[host], key=lambda s: (-s.last, s.mount)))

    async def absence(self, hosts: Sequence[str]) -> Mapping[str, Absence]:
        """Why hosts that gave no reading gave none."""
        up = _numbers(await self._vector(_up(_selector(hosts)), hosts))
        return {
            host: Absence.NEVER if host not in up else Absence.EMPTY if up[host] else Absence.DOWN for host in hosts
        }

    async def snapshots(self, hosts: Sequence[str]) -> Mapping[str, Snapshot]:
        """All that a list of hosts shows, of those whose last scrape went well."""
        of = _selector(hosts)
        up, cpu, memory, disks, load, cpus, uptime = await asyncio.gather(
            self._vector(_up(of), hosts),
            self._vector(_expression(Metric.CPU, of), hosts),
            self._vector(_expression(Metric.MEMORY, of), hosts),
            self._vector(_expression(Metric.DISK, of), hosts),
            self._vector(f'{{__name__=~"node_load1|node_load5|node_load15",{of}}}', hosts),
            self._vector(f'count by (host) (node_cpu_seconds_total{{mode="idle",{of}}})', hosts),
            self._vector(f"max by (host) (node_time_seconds{{{of}}} - node_boot_time_seconds)", hosts),
        )
        busy, used, full, loads = _by_host(cpu), _by_host(memory), _by_host(disks), _loads(load)
        count, running = _numbers(cpus), _numbers(uptime)
        return {
            host: Snapshot(
                cpu=busy[host][0].value if host in busy else None,
                memory=used[host][0].value if host in used else None,
                disks=full.get(host, ()),
                load=loads.get(host),
                cpus=int(count[host]) if host in count else None,
                uptime=running.get(host),
            )
            for host, answers in _numbers(up).items()
            if answers
        }

    async def _vector(self, promql: str, hosts: Sequence[str]) -> list[Samples]:
        wanted = frozenset(hosts)
        answer = await self._client.query(promql)
        return [series for series in answer if series.points and series.labels.get("host") in wanted]


def _expression(metric: Metric, hosts: str, rate: float = RATE_S) -> str:
    """PromQL of a metric; `hosts` is a matcher of labels, `rate` the seconds that a rate is taken over."""
    match metric:
        case Metric.CPU:  # iowait is not busy, as in top(1)
            idle = f'rate(node_cpu_seconds_total{{mode=~"idle|iowait",{hosts}}}[{rate:.0f}s])'
            value = f"1 - avg by (host) (sum without (mode) ({idle}))"
        case Metric.MEMORY:
            value = f"max by (host) (1 - node_memory_MemAvailable_bytes{{{hosts}}} / node_memory_MemTotal_bytes)"
        case Metric.DISK:  # as df(1) shows it: the share of what users may fill
            disks = f'{hosts},fstype!~"{_NO_DISK}",mountpoint!~"{_NO_MOUNT}"'
            used = f"node_filesystem_size_bytes{{{disks}}} - node_filesystem_free_bytes"
            value = f"max by (host, device, mountpoint) (({used}) / ({used} + node_filesystem_avail_bytes))"
    return f"({value}) and on (host) ({_up(hosts)} == 1)"


def _up(hosts: str) -> str:
    return f"max by (host) (up{{{hosts}}})"


def _selector(hosts: Sequence[str]) -> str:
    """A matcher for the hosts. Names are data: escaped for the regular expression, then for the string around it."""
    if len(hosts) > MOST_NAMED:
        return 'host!=""'
    either = "|".join(_META.sub(r"\\\g<0>", host) for host in hosts)
    return 'host=~"{}"'.format(either.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


def _by_host(vector: Sequence[Samples]) -> Mapping[str, tuple[Reading, ...]]:
    found: dict[str, list[Reading]] = defaultdict(list)
    for series in _one_a_device(vector):
        reading = Reading(_ratio(series.points[-1][1]), series.labels.get("mountpoint", ""))
        found[series.labels["host"]].append(reading)
    return {host: tuple(sorted(each, key=lambda r: (-r.value, r.mount))) for host, each in found.items()}


def _one_a_device(vector: Sequence[Samples]) -> Iterable[Samples]:
    """A device that is mounted in several places counts once, by its shortest path; the rest is as it was."""
    kept: dict[tuple[str | None, str], Samples] = {}
    for number, series in enumerate(vector):
        labels = series.labels
        key = labels.get("host"), labels.get("device", f"#{number}")
        if key not in kept or _depth(labels) < _depth(kept[key].labels):
            kept[key] = series
    return kept.values()


def _depth(labels: Mapping[str, str]) -> tuple[int, str]:
    mount = labels.get("mountpoint", "")
    return len(mount), mount


def _numbers(vector: Sequence[Samples]) -> Mapping[str, float]:
    return {series.labels["host"]: series.points[-1][1] for series in vector}


def _loads(vector: Sequence[Samples]) -> Mapping[str, tuple[float, float, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for series in vector:
        found[series.labels["host"]][series.labels.get("__name__", "")] = series.points[-1][1]
    names = ("node_load1", "node_load5", "node_load15")
    return {
        host: (loads[names[0]], loads[names[1]], loads[names[2]])
        for host, loads in found.items()
        if all(name in loads for name in names)
    }


def _ratio(value: float) -> float:
    return min(1.0, max(0.0, value))
