"""How hosts are and were: from Prometheus, and where it has nothing, from the host itself or with the reason why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from orchestrator.alerts.scales import SCALES
from orchestrator.alerts.thresholds import DEFAULT, Threshold
from orchestrator.fleet import Disk, Fleet, Vitals, VitalsAnswer
from orchestrator.inventory import Host, HostSet
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import USUAL, Absence, Episode, Metric, Metrics, Reading, Series, Snapshot
from orchestrator.monitor.window import Window
from orchestrator.ssh.result import Status
from orchestrator.ssh.state import HostState, Phase

DIRECT_WITHIN_S = 12.0  # just above the 10 s that a connect may take, so that its reason is still heard
LIST_WITHIN_S = 1.0
DATED_WITHIN_S = 3.0

_UNKNOWN = "Prometheus does not scrape it yet"
_SILENT = "its exporter does not answer"
_NO_SAMPLES = "no samples then"
_MOST_DATED = 3  # hosts: with more, times that differ would hide what they have in common
_TOO_NEW = "too few samples yet"
_OUT_OF_REACH = "its scrapes fail"  # whether the host or its exporter is away is not known without a connection


@dataclass(frozen=True, slots=True)
class Now:
    """What one host reads: of disks one a file system, fullest first. Without any, `why`.

    `direct`: the host was asked itself, for the `why` that Prometheus has nothing. `limit` is from where it is high.
    """

    host: str
    readings: tuple[Reading, ...] = ()
    direct: bool = False
    why: str = ""
    limit: float = 1.0

    @property
    def high(self) -> bool:
        """True when somebody should look."""
        return bool(self.readings) and self.readings[0].value >= self.limit


@dataclass(frozen=True, slots=True)
class History:
    """Series of hosts in a window, and why hosts are `missing` from it; when alerts about them fired, and from where
    each of them is high.
    """

    series: tuple[Series, ...]
    missing: Mapping[str, str]
    firing: tuple[Episode, ...] = ()
    limits: Mapping[str, Threshold] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Course:
    """How one host went: of each metric the series, of disks the fullest one's, and of those that are up to date the
    value at the end in `now`. `state` is its connection; `why` says why nothing is up to date.
    """

    host: str
    series: Mapping[Metric, Series]
    now: Mapping[Metric, float]
    limits: Mapping[Metric, Threshold]
    state: HostState
    why: str = ""

    def high(self, metric: Metric) -> bool:
        """True when somebody should look at it."""
        return metric in self.now and self.now[metric] >= self.limits[metric].value


def by_default(_: Host, metric: str) -> Threshold:
    """The limit that holds for every host when nobody has set another."""
    return Threshold(SCALES[metric].default, DEFAULT)


class Readings:
    """Reads hosts. `state` gives a host's connection, `limit` from where a metric of it is high, `zone` is that of the
    times in what is said (None: the system's).
    """

    def __init__(
        self,
        metrics: Metrics,
        fleet: Fleet,
        state: Callable[[Host], HostState],
        limit: Callable[[Host, str], Threshold] = by_default,
        zone: tzinfo | None = None,
    ) -> None:
        self._metrics = metrics
        self._fleet = fleet
        self._state = state
        self._zone = zone
        self.limit = limit

    async def now(self, metric: Metric, hosts: HostSet) -> tuple[Now, ...]:
        """The newest readings of each host. Never raises for what a host or Prometheus does."""
        answered = True
        try:
            known = await self._metrics.now(metric, hosts.names)
            missing = HostSet(host for host in hosts if host.name not in known)
            whys = await self._whys(missing, empty=_TOO_NEW)
        except PrometheusError as error:
            answered, known, missing, whys = False, {}, hosts, {host.name: error.what for host in hosts}
        answers = await self._directly(missing)
        found = {name: Now(name, readings) for name, readings in known.items()}
        for name in missing.names:
            answer = answers[name]
            own = _of_vitals(metric, answer.vitals) if answer.vitals else None
            if own:
                found[name] = Now(name, (own,), direct=True, why=whys[name])
            else:
                found[name] = Now(name, why=_unread(answer))
        if answered:
            away = {name: each.why for name, each in found.items() if not each.readings}
            found |= {name: Now(name, why=why) for name, why in (await self._away_since(away)).items()}
        return tuple(replace(found[host.name], limit=self.limit(host, metric).value) for host in hosts)

    async def over(self, metric: Metric, hosts: HostSet, window: Window) -> History:
        """The readings in a window; raises PrometheusError."""
        series, firing = await asyncio.gather(
            self._metrics.over(metric, hosts.names, window), self._metrics.firing(metric, hosts.names, window)
        )
        known = frozenset(each.host for each in series)
        missing = HostSet(host for host in hosts if host.name not in known)
        limits = {host.name: self.limit(host, metric) for host in hosts}
        whys = {**await self._whys(missing)}
        empty = [name for name, why in whys.items() if why == _NO_SAMPLES]
        first = await self._dated(empty, self._metrics.first_sample)
        whys |= {name: f"its first sample is of {self._clock(at)}" for name, at in first.items() if at > window.end}
        whys |= await self._away_since({name: why for name, why in whys.items() if name not in empty})
        return History(series, whys, firing, limits)

    async def peak(self, metric: Metric, host: Host, window: Window) -> Mapping[str, float]:
        """See `Metrics.peak`; raises PrometheusError."""
        return await self._metrics.peak(metric, host.name, window)

    async def courses(
        self,
        hosts: HostSet,
        window: Window,
        step: float,
        metrics: Sequence[Metric] = USUAL,
        *,
        averaged: bool = False,
    ) -> tuple[Course, ...]:
        """How each host went, with a value every `step` seconds, or their averages; raises PrometheusError."""
        answers = await asyncio.gather(
            *(self._metrics.over(each, hosts.names, window, step, averaged=averaged) for each in metrics)
        )
        found: dict[str, dict[Metric, Series]] = {name: {} for name in hosts.names}
        for metric, answer in zip(metrics, answers, strict=True):
            for each in answer:  # of disks the fullest comes first
                found[each.host].setdefault(metric, each)
        now = {
            name: {metric: each.last for metric, each in series.items() if each.points[-1][0] > window.end - step}
            for name, series in found.items()
        }
        whys = await self._whys(HostSet(host for host in hosts if not now[host.name]))
        return tuple(
            Course(
                host=host.name,
                series=found[host.name],
                now=now[host.name],
                limits={metric: self.limit(host, metric) for metric in metrics},
                state=self._state(host),
                why=whys.get(host.name, ""),
            )
            for host in hosts
        )

    def blind(self, hosts: HostSet, why: str) -> tuple[Course, ...]:
        """What is known of hosts without asking anybody: their connections."""
        return tuple(Course(host.name, {}, {}, {}, self._state(host), why) for host in hosts)

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

    async def _away_since(self, whys: Mapping[str, str]) -> dict[str, str]:
        """Why hosts are away, with since when, as far as Prometheus has seen it; of many hosts without."""
        seen = await self._dated(list(whys), self._metrics.last_up)
        return {name: f"{whys[name]}; away since {self._clock(at)}" for name, at in seen.items()}

    async def _dated(self, names: Sequence[str], ask: Callable[[str], Awaitable[float | None]]) -> dict[str, float]:
        """What time is known of each, in so little time that no answer waits for it; of many hosts nothing."""
        found: dict[str, float] = {}
        with suppress(PrometheusError, TimeoutError):
            async with asyncio.timeout(DATED_WITHIN_S):
                for name in names if len(names) <= _MOST_DATED else ():
                    if (at := await ask(name)) is not None:
                        found[name] = at
        return found

    def _clock(self, at: float) -> str:
        local, today = (datetime.fromtimestamp(each, UTC).astimezone(self._zone) for each in (at, time.time()))
        return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%Y-%m-%d %H:%M}"

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
    if metric is Metric.LOAD:
        return Reading(vitals.load[1] / vitals.cpus) if vitals.load and vitals.cpus else None
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
