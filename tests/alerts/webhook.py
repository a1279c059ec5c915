"""Messages as Alertmanager sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

BEGAN = 1_700_000_000.0


def stamp(at: float) -> str:
    """RFC 3339 with nanoseconds, as Go writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def raw(
    host: str = "web1",
    name: str = "AgentHighCPU",
    *,
    starts: float = BEGAN,
    ends: float | None = None,
    fingerprint: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One alert; without `ends` it fires."""
    every = {"alertname": name, "host": host, "severity": "warning", **(labels or {})}
    return {
        "status": "firing" if ends is None else "resolved",
        "labels": every,
        "annotations": {"value": "0.97", "threshold": "0.8", "unit": "ratio", "metric": "cpu", **(annotations or {})},
        "startsAt": stamp(starts),
        "endsAt": "0001-01-01T00:00:00Z" if ends is None else stamp(ends),
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint or f"{abs(hash(tuple(sorted(every.items())))) & (1 << 64) - 1:016x}",
    }


def message(*alerts: dict[str, Any]) -> bytes:
    """A message of the webhook, version 4."""
    return json.dumps(
        {
            "version": "4",
            "groupKey": '{}:{alertname="AgentHighCPU"}',
            "truncatedAlerts": 0,
            "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
            "receiver": "orchestrator",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://127.0.0.1:9093",
            "alerts": list(alerts),
        }
    ).encode()
