"""Readings of hosts from Prometheus: processors, memory and disks, now and over time.

Every expression counts only what was scraped while the host's exporter answered: without ``up == 1`` a rate goes on for
minutes after a host has died. Ratios are 0-1; the load is that of each processor, averaged over five minutes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.monitor.client import PrometheusClient, Samples
from orchestrator.monitor.window import Window

RATE_S = 120
PEAK_STEP_S = 5  # an incident of seconds has readings, too
PEAK_STEPS = 1000
FIRST_WITHIN_S = 31 * 86400  # as long as our Prometheus keeps anything
AVERAGED_OF = 15  # values in an average
MOST_NAMED = 200  # hosts named in an expression; with more, all are asked for and the others left out here


class Metric(StrEnum):
    """What can be read."""

    CPU = "cpu"
    MEMORY = "mem"
    DISK = "disk"
    LOAD = "load"


USUAL = (Metric.CPU, Metric.MEMORY, Metric.DISK)
"""What a fleet is shown by. The load is looked at where it is too high."""
CHARTED = frozenset(metric.value for metric in Metric)
"""Those words of alerts for what they are about of which there are readings, and so charts."""
ALERTS: Mapping[Metric, Sequence[str]] = {
    Metric.CPU: ("AgentHighCPU", "HighLoad"),
    Metric.MEMORY: ("AgentHighMemory", "HighMemoryUsage"),
    Metric.DISK: ("AgentHighDisk", "DiskFullSoon"),
    Metric.LOAD: ("HighLoad",),
}
"""The alerts that are about a metric, by the names of our rules."""

# File systems of the kernel's, of images and of containers' layers, and those that are another machine's.
_NO_DISK = (
    "autofs|bpf|cgroup2?|cifs|devpts|devtmpfs|efivarfs|fuse[.].*|iso9660|nfs4?|nsfs|overlay|proc|ramfs|rpc_pipefs"
    "|squashfs|sysfs|tmpfs|tracefs"
)
_NO_MOUNT = "/(dev|proc|run|sys|var/lib/(docker|containers|kubelet))(/.*)?"

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")  # what regexp.QuoteMeta of Go escapes


@dataclass(frozen=True, slots=True)
class Reading:
    """A ratio or a load, and of disks the mount point."""

    value: float
    mount: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A ratio or a load over time: pairs of Unix time in seconds and value. Where nothing is known there is no pair."""

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


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which an alert fired for a host, between two Unix times in seconds; about one step exact."""

    host: str
    start: float
    end: float


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
        return _by_host(await self._vector(_expression(metric, _selector(hosts)), hosts), metric)

    async def over(
        self, metric: Metric, hosts: Sequence[str], window: Window, step: float | None = None, *, averaged: bool = False
    ) -> tuple[Series, ...]:
        """The readings in a window, in the order of `hosts`, of disks one series a file system, fullest first.

        One every `step` seconds, as many as a phone can show without; `averaged`, each is the average since the one
        before, of what was known.
        """
        step = step or window.step
        if averaged:
            promql = f"avg_over_time(({_expression(metric, _selector(hosts))})[{step:.0f}s:{step / AVERAGED_OF:.0f}s])"
        else:
            promql = _expression(metric, _selector(hosts), max(RATE_S, step))
        answer = await self._client.query_range(promql, window.start, window.end, step)
        found: dict[str, list[Series]] = defaultdict(list)
        for series in _one_a_device([each for each in answer if each.points]):
            points = tuple((at, _within(metric, value)) for at, value in series.points)
            host = series.labels.get("host", "")
            found[host].append(Series(host, points, series.labels.get("mountpoint", "")))
        return tuple(each for host in hosts for each in sorted(found[host], key=lambda s: (-s.last, s.mount)))

    async def peak(self, metric: Metric, host: str, window: Window) -> Mapping[str, float]:
        """The highest readings of a host in a window, by mount point, which is empty but for disks."""
        span = max(PEAK_STEP_S, window.end - window.start)
        step = max(PEAK_STEP_S, span // PEAK_STEPS)
        promql = f"max_over_time(({_expression(metric, _selector([host]))})[{span}s:{step}s])"
        answer = [each for each in await self._client.query(promql, at=window.end) if each.points]
        return {each.labels.get("mountpoint", ""): _within(metric, each.points[-1][1]) for each in answer}

    async def firing(self, metric: Metric, hosts: Sequence[str], window: Window) -> tuple[Episode, ...]:
        """When an alert about the metric fired for one of the hosts."""
        names, step = "|".join(ALERTS[metric]), window.step
        alerts = f'ALERTS{{alertstate="firing",alertname=~"{names}",{_selector(hosts)}}}'
        # Looking back over the whole step: an alert that is shorter than one would not be seen.
        promql = f"max by (host) (max_over_time({alerts}[{step:.0f}s]))"
        answer, wanted = await self._client.query_range(promql, window.start, window.end, step), frozenset(hosts)
        return tuple(
            episode for each in answer if each.labels.get("host") in wanted for episode in _episodes(each, step)
        )

    async def absence(self, hosts: Sequence[str]) -> Mapping[str, Absence]:
        """Why hosts that gave no reading gave none."""
        up = _numbers(await self._vector(_up(_selector(hosts)), hosts))
        return {
            host: Absence.NEVER if host not in up else Absence.EMPTY if up[host] else Absence.DOWN for host in hosts
        }

    async def judges(self) -> bool:
        """Whether our rules are gone by: the alert that always fires did so just now."""
        return bool(await self._client.query('count(max_over_time(ALERTS{alertname="Watchdog",host="Server"}[5m]))'))

    async def first_sample(self, host: str) -> float | None:
        """When a host was scraped for the first time that is known, in Unix time, to the minute; None when it never was
        or when that is too long ago to be looked for.
        """
        scraped, now = f"timestamp(up{{{_selector([host])}}})", time.time()
        hours = await self._client.query(f"min(min_over_time({scraped}[{FIRST_WITHIN_S}s:1h]))", at=now)
        about = min((each.points[-1][1] for each in hours if each.points), default=now)  # none: within this hour
        if about < now - FIRST_WITHIN_S + 3600:
            return None
        then = min(now, about + 60)
        minutes = await self._client.query(f"min(min_over_time({scraped}[1h:1m])) or min({scraped})", at=then)
        return min((each.points[-1][1] for each in minutes if each.points), default=None)

    async def last_up(self, host: str) -> float | None:
        """When the exporter of a host answered for the last time, in Unix time; None when it does now, or never did."""
        up, now = f"up{{{_selector([host])}}}", time.time()
        if await self._client.query(f"{up} == 1"):
            return None
        answered = f"timestamp({up} == 1)"
        about = await self._client.query(f"max(max_over_time({answered}[{FIRST_WITHIN_S}s:5m]))", at=now)
        then = min(now, about[0].points[-1][1] + 300) if about and about[0].points else now
        exact = await self._client.query(f"max(max_over_time({answered}[10m:1s]))", at=then)
        return max((each.points[-1][1] for each in (*about, *exact) if each.points), default=None)

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
        busy, used, full = (_by_host(each, metric) for each, metric in zip((cpu, memory, disks), USUAL, strict=True))
        loads = _loads(load)
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
            # Of all time that was counted, not of all that went by: the rate of a counter that is not there for the
            # whole range, after a start or a gap, is too low, and a host without anything to do would be 90 % busy.
            idle = f'sum by (host) (rate(node_cpu_seconds_total{{mode=~"idle|iowait",{hosts}}}[{rate:.0f}s]))'
            value = f"1 - {idle} / sum by (host) (rate(node_cpu_seconds_total{{{hosts}}}[{rate:.0f}s]))"
        case Metric.MEMORY:
            value = f"max by (host) (1 - node_memory_MemAvailable_bytes{{{hosts}}} / node_memory_MemTotal_bytes)"
        case Metric.DISK:  # as df(1) shows it: the share of what users may fill
            disks = f'{hosts},fstype!~"{_NO_DISK}",mountpoint!~"{_NO_MOUNT}"'
            usable = "node_filesystem_size_bytes - node_filesystem_free_bytes + node_filesystem_avail_bytes"
            value = f"max by (host, device, mountpoint) (1 - node_filesystem_avail_bytes{{{disks}}} / ({usable}))"
        case Metric.LOAD:
            cpus = f'count by (host) (node_cpu_seconds_total{{mode="idle",{hosts}}})'
            value = f"max by (host) (node_load5{{{hosts}}}) / on (host) {cpus}"
    return f"({value}) and on (host) ({_up(hosts)} == 1)"


def _up(hosts: str) -> str:
    return f"max by (host) (up{{{hosts}}})"


def _selector(hosts: Sequence[str]) -> str:
    """A matcher for the hosts. Names are data: escaped for the regular expression, then for the string around it."""
    if len(hosts) > MOST_NAMED:
        return 'host!=""'
    either = "|".join(_META.sub(r"\\\g<0>", host) for host in hosts)
    return 'host=~"{}"'.format(either.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


def _by_host(vector: Sequence[Samples], metric: Metric) -> Mapping[str, tuple[Reading, ...]]:
    found: dict[str, list[Reading]] = defaultdict(list)
    for series in _one_a_device(vector):
        reading = Reading(_within(metric, series.points[-1][1]), series.labels.get("mountpoint", ""))
        found[series.labels["host"]].append(reading)
    return {host: tuple(sorted(each, key=lambda r: (-r.value, r.mount))) for host, each in found.items()}


def _one_a_device(vector: Sequence[Samples]) -> Iterable[Samples]:
    """A device that is mounted in several places counts once, by the highest, as in the rules."""
    kept: dict[tuple[str | None, str], Samples] = {}
    for number, series in enumerate(vector):
        labels = series.labels
        key = labels.get("host"), labels.get("device", f"#{number}")
        if key not in kept or _depth(labels) < _depth(kept[key].labels):
            kept[key] = series
    return kept.values()


def _depth(labels: Mapping[str, str]) -> tuple[bool, bool, str]:
    """Lower for the root, then for what is right below it."""
    mount = labels.get("mountpoint", "")
    return mount != "/", mount.count("/") > 1, mount


def _episodes(series: Samples, step: float) -> Iterable[Episode]:
    """Points that follow each other closely are one episode, which began within the step before the first."""
    host, began, last = series.labels["host"], 0.0, 0.0
    for at, _ in series.points:
        if last and at - last > 2.5 * step:
            yield Episode(host, began, last)
            last = 0.0
        began, last = (began if last else at - step), at
    if last:
        yield Episode(host, began, last)


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


def _within(metric: Metric, value: float) -> float:
    """Without what only rounding and clocks bring about."""
    return max(0.0, value if metric is Metric.LOAD else min(1.0, value))
