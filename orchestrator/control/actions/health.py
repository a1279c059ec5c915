"""Actions about readings and alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.control.action import Action, OnHosts, Risk
from orchestrator.inventory import HostSet


@dataclass(frozen=True)
class ShowMetric(OnHosts):
    """A reading or a chart of hosts; `metric` is cpu, mem or disk."""

    kind = "show_metric"
    risk = Risk.READ
    sentence = "Read {action.metric} of {hosts}"
    metric: str


@dataclass(frozen=True)
class ShowThresholds(OnHosts):
    """From where readings of hosts are high."""

    kind = "show_thresholds"
    risk = Risk.READ
    sentence = "Read the thresholds of {hosts}"


@dataclass(frozen=True)
class SetThreshold(OnHosts):
    """Set from where a reading is high for a `scope` (``fleet``, ``group web``, ``host web1``), or take that back."""

    kind = "set_threshold"
    risk = Risk.CHANGE
    sentence = "Set the threshold of {action.metric} of {action.scope} to {action.value}"
    metric: str
    scope: str
    value: str


@dataclass(frozen=True)
class Silence(OnHosts):
    """Tell no alerts that match `matchers` (``alertname="HighLoad", host="web1"``) between two Unix times.

    The hosts are those of the inventory that it is about.
    """

    kind = "silence"
    risk = Risk.CHANGE
    sentence = "Silence {action.matchers} {action.period}"
    matchers: str
    start: float
    end: float

    @property
    def period(self) -> str:
        """From when until when, in UTC."""
        start, end = (datetime.fromtimestamp(at, UTC) for at in (self.start, self.end))
        return f"from {start:%F %T}Z until {end:%F %T}Z"


@dataclass(frozen=True)
class Acknowledge(OnHosts):
    """Say that one looks after an alert; the hosts are those of the inventory that it is about."""

    kind = "acknowledge"
    risk = Risk.CHANGE
    sentence = "Look after {action.alert}"
    alert: str


@dataclass(frozen=True)
class EndSilence(Action):
    """Tell again what a silence covers; `matchers` says what that is."""

    kind = "end_silence"
    risk = Risk.CHANGE
    sentence = "End the silence {action.silence} of {action.matchers}"
    silence: str
    matchers: str

    @property
    def targets(self) -> HostSet:
        """None: no host is touched."""
        return HostSet()


@dataclass(frozen=True)
class SetSummary(Action):
    """Set the time of day of the fleet's summary, or ``off``."""

    kind = "set_summary"
    risk = Risk.CHANGE
    sentence = "Tell the daily summary: {action.clock}"
    clock: str

    @property
    def targets(self) -> HostSet:
        """None: no host is touched."""
        return HostSet()
