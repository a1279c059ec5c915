"""Our own metrics in the text that Prometheus reads (``GET /metrics``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from orchestrator.monitor.meters import Durations, Gauges, Labelled, Meters
from orchestrator.ssh import Phase
from orchestrator.version import __version__


class _Snapshot(Collector):
    """Everything as it is at one moment."""

    def __init__(self, meters: Meters, phases: Mapping[Phase, int], gauges: Gauges) -> None:
        self._meters = meters
        self._phases = phases
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily("orchestrator", "Which version this is", {"version": __version__})
        connections = GaugeMetricFamily("orchestrator_connections", "Hosts by state of connection", labels=["phase"])
        for phase in Phase:
            connections.add_metric([phase.value], self._phases.get(phase, 0))
        yield connections
        yield from _histogram("command_duration", "Commands on hosts", "status", self._meters.commands)
        yield from _histogram("scrape_duration", "Scrapes through SSH connections", "outcome", self._meters.scrapes)
        yield from _histogram("loop_lag", "How late the event loop was", None, self._meters.lags)
        stall = "The longest time the event loop was late by in the last minute"
        yield GaugeMetricFamily("orchestrator_loop_stall_seconds", stall, self._meters.stall)
        for name, (meaning, value) in self._gauges.items():
            yield _gauge(f"orchestrator_{name}", meaning, value)


def _gauge(name: str, meaning: str, value: float | Labelled) -> Metric:
    if not isinstance(value, Labelled):
        return GaugeMetricFamily(name, meaning, value)
    family = GaugeMetricFamily(name, meaning, labels=value.names)
    for labels, each in value.values.items():
        family.add_metric(labels, each)
    return family


def _histogram(name: str, meaning: str, label: str | None, durations: Durations) -> Iterator[Metric]:
    family = HistogramMetricFamily(f"orchestrator_{name}_seconds", meaning, labels=[label] if label else [])
    for value, buckets, total in durations.buckets():
        family.add_metric([value] if label else [], buckets, total)
    yield family


def exposition(meters: Meters, phases: Mapping[Phase, int], gauges: Gauges) -> bytes:
    """The text of this moment, with the process's own figures. The names of `gauges` come without our prefix."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Snapshot(meters, phases, gauges))
    return generate_latest(registry)
