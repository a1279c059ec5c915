"""How hosts are and were: from Prometheus, and where it has nothing, from the host itself or with the reason why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from orchestrator.fleet import Disk, Fleet, Vitals, VitalsAnswer
from orchestrator.inventory import Host, HostSet
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import Absence, Metric, Metrics, Reading, Series, Snapshot
from orchestrator.monitor.window import Window
from orchestrator.ssh.result import Status
from orchestrator.ssh.state import HostState, Phase

DIRECT_WITHIN_S = 12.0  # just above the 10 s that a connect may take, so that its reason is still heard
LIST_WITHIN_S = 1.0

_UNKNOWN = "Prometheus does not scrape it yet"
_SILENT = "its exporter does not answer"
_NO_SAMPLES = "no samples then"
_TOO_NEW = "too few samples yet"
_OUT_OF_REACH = "its scrapes fail"  # whether the host or its exporter is away is not known without a connection


@dataclass(frozen=True, slots=True)
class Now:
    """What one host reads: of disks one a file system, fullest first. Without any, `why`.

    `direct`: the host was asked itself, for the `why` that Prometheus has nothing.
    """

    host: str
    readings: tuple[Reading, ...] = ()
    direct: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Series of hosts in a window, and why hosts are `missing` from it."""

    series: tuple[Series, ...]
    missing: Mapping[str, str]


class Readings:
    """Reads hosts. `state` gives a host's connection."""

    def __init__(self, metrics: Metrics, fleet: Fleet, state: Callable[[Host], HostState]) -> None:
        self._metrics = metrics
        self._fleet = fleet
        self._state = state

    async def now(self, metric: Metric, hosts: HostSet) -> tuple[Now, ...]:
        """The newest readings of each host. Never raises for what a host or Prometheus does."""
        try:
            known = await self._metrics.now(metric, hosts.names)
            missing = HostSet(host for host in hosts if host.name not in known)
            whys = await self._whys(missing, empty=_TOO_NEW)
        except PrometheusError as error:
            known, missing, whys = {}, hosts, {host.name: error.what for host in hosts}
        answers = await self._directly(missing)
        found = {name: Now(name, readings) for name, readings in known.items()}
        for name in missing.names:
            answer = answers[name]
            own = _of_vitals(metric, answer.vitals) if answer.vitals else None
            found[name] = Now(name, (own,), direct=True, why=whys[name]) if own else Now(name, why=_unread(answer))
        return tuple(found[name] for name in hosts.names)

    async def over(self, metric: Metric, hosts: HostSet, window: Window) -> History:
        """The readings in a window; raises PrometheusError."""
        series = await self._metrics.over(metric, hosts.names, window)
        known = frozenset(each.host for each in series)
        missing = HostSet(host for host in hosts if host.name not in known)
        return History(series, await self._whys(missing))

    async def vitals(self, hosts: HostSet) -> Mapping[str, VitalsAnswer]:
        """What Prometheus knows just now of those that it scrapes, in the form in which hosts say it themselves.

        None of them is asked. Empty when Prometheus does not answer within `LIST_WITHIN_S`.
        """
        try:
            async with asyncio.timeout(LIST_WITHIN_S):
                snapshots = await self._metrics.snapshots(hosts.names)
        except (PrometheusError, TimeoutError):
            return {}
        return {
            name: VitalsAnswer(name, Status.OK, _vitals(snapshot))
            for name, snapshot in snapshots.items()
            if snapshot.cpu is not None and snapshot.memory is not None
        }

    async def _whys(self, hosts: HostSet, *, empty: str = _NO_SAMPLES) -> Mapping[str, str]:
        if not hosts:
            return {}
        absences = await self._metrics.absence(hosts.names)
        return {
            host.name: empty if absences[host.name] is Absence.EMPTY else self._why(host, absences[host.name])
            for host in hosts
        }

    def _why(self, host: Host, absence: Absence) -> str:
        state = self._state(host)
        if host.local or state.phase is Phase.UP:
            return _SILENT if absence is Absence.DOWN else _UNKNOWN
        return state.reason or (_OUT_OF_REACH if absence is Absence.DOWN else _UNKNOWN)

    async def _directly(self, hosts: Iterable[Host]) -> Mapping[str, VitalsAnswer]:
        wanted = HostSet(hosts)
        answers = {
            name: VitalsAnswer(name, Status.CANCELLED, detail=f"no answer within {DIRECT_WITHIN_S:g} s")
            for name in wanted.names
        }
        try:
            async with asyncio.timeout(DIRECT_WITHIN_S), aclosing(self._fleet.vitals(wanted)) as stream:
                async for answer in stream:
                    answers[answer.host] = answer
        except TimeoutError:
            pass
        return answers


def _of_vitals(metric: Metric, vitals: Vitals) -> Reading | None:
    if metric is Metric.DISK:
        return Reading(vitals.disk.used, vitals.disk.mount) if vitals.disk else None
    value = vitals.cpu if metric is Metric.CPU else vitals.memory
    return None if value is None else Reading(value)


def _unread(answer: VitalsAnswer) -> str:
    return answer.detail or ("the host does not say" if answer.vitals else answer.status.replace("_", " "))


def _vitals(snapshot: Snapshot) -> Vitals:
    disk = snapshot.disks[0] if snapshot.disks else None
    return Vitals(
        cpu=snapshot.cpu,
        memory=snapshot.memory,
        disk=Disk(disk.mount, disk.value) if disk else None,
        load=snapshot.load,
        cpus=snapshot.cpus,
        uptime=snapshot.uptime,
        kernel="",
        system="",
        boot_id="",
    )
