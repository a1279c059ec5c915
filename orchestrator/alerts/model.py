"""Alerts and the incidents they make, as values that are kept, sent and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

SEVERITIES: Final = ("critical", "warning", "info")
"""Worst first."""

WATCHDOG: Final = "Watchdog"
"""The alert that always fires."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one host. Times are seconds of the Unix epoch; `ends_at` is None while it fires.

    `value` and `threshold` are in `unit` (``ratio``, ``seconds``, ``count``, ``per_core``, ``bytes``, or empty);
    they are None where the rule gives none. `fingerprint` is Alertmanager's: the hash of `labels`.
    """

    fingerprint: str
    name: str
    host: str
    severity: str
    labels: Mapping[str, str]
    value: float | None
    threshold: float | None
    unit: str
    summary: str
    starts_at: float
    ends_at: float | None = None
    metric: str = ""
    """Which chart fits: ``cpu``, ``mem``, ``disk``, ``load``, or none."""

    @property
    def firing(self) -> bool:
        """True while it has not ended."""
        return self.ends_at is None

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Alert:
        """The inverse of `to_json`."""
        return cls(**{**value, "labels": dict(value["labels"])})


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """An incident: alerts of one name on one host, from when the first began until the last has ended.

    `id` is that of the incident. `acked_by` is who took it on, at `acked_at`. `silence` is the id of a silence in
    Alertmanager, which lasts until `silenced_until`.
    """

    id: str
    alerts: tuple[Alert, ...]
    acked_by: str = ""
    acked_at: float | None = None
    silence: str = ""
    silenced_until: float | None = None

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that have not ended."""
        return tuple(alert for alert in self.alerts if alert.firing)

    @property
    def severity(self) -> str:
        """The worst of those that fire, or of all when none does."""
        return worst(alert.severity for alert in self.firing or self.alerts)

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.alerts[0].name

    @property
    def host(self) -> str:
        """The host's name; empty for an alert that is about no host."""
        return self.alerts[0].host

    @property
    def since(self) -> float:
        """When the first of them began."""
        return min(alert.starts_at for alert in self.alerts)

    @property
    def ended_at(self) -> float | None:
        """When the last of them ended; None while one fires."""
        return None if self.firing else max(alert.ends_at or 0.0 for alert in self.alerts)

    @property
    def thread(self) -> str:
        """The thread of its letters in the outbox: one message in each chat."""
        return f"alert {self.id}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> AlertGroup:
        """The inverse of `to_json`."""
        return cls(**{**value, "alerts": tuple(map(Alert.from_json, value["alerts"]))})


def worst(severities: Iterable[str]) -> str:
    """The first of SEVERITIES that is among them."""
    return min(severities, key=SEVERITIES.index)
