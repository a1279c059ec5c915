"""What Alertmanager says, read as what it is: text from elsewhere, of any length and script.

The shapes are those of its webhook, version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config),
and of ``GET /api/v2/alerts``, which names the same things alike.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator.alerts.model import SEVERITIES, Alert

MOST_LABELS = 64
LONGEST_NAME = 200
LONGEST = 1000
LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""A silence may last for ever, which is a time that no other zone could show."""
UNKNOWN_SEVERITY = "warning"
"""For rules that know others, or none: heard, and not taken for the worst."""

# Control characters, the ends of lines beyond ASCII, and halves of surrogate pairs, which no file could hold.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Malformed(ValueError):
    """Not what Alertmanager sends; the text says in what."""


def alert(raw: Any, *, firing: bool) -> Alert:
    """One alert of a message, or of an answer. Raises Malformed."""
    if not isinstance(raw, Mapping):
        raise Malformed("an alert is not an object")
    labels, notes = _texts(raw.get("labels"), "labels"), _texts(raw.get("annotations") or {}, "annotations")
    return Alert(
        fingerprint=_fingerprint(raw.get("fingerprint"), labels),
        name=labels.get("alertname", "")[:LONGEST_NAME] or "alert",
        host=(labels.get("host") or labels.get("instance", ""))[:LONGEST_NAME],
        severity=labels.get("severity", "") if labels.get("severity") in SEVERITIES else UNKNOWN_SEVERITY,
        labels=labels,
        value=_number(notes.get("value")),
        threshold=_number(notes.get("threshold")),
        unit=notes.get("unit", ""),
        summary=notes.get("summary") or notes.get("description", ""),
        starts_at=moment(raw.get("startsAt")),
        ends_at=None if firing else moment(raw.get("endsAt")),
        metric=notes.get("metric", ""),
    )


def moment(text: Any) -> float:
    """RFC 3339 as seconds of the Unix epoch, a time before it as 0. Raises Malformed."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Malformed("a time is none") from None
    if at.tzinfo is None:
        raise Malformed("a time has no zone")
    return min(max(0.0, at.timestamp()), LATEST)


def _texts(raw: Any, what: str) -> dict[str, str]:
    if not isinstance(raw, Mapping) or not all(isinstance(value, str) for value in raw.values()):
        raise Malformed(f"{what} are not texts")
    return {clean(name)[:LONGEST_NAME]: clean(raw[name])[:LONGEST] for name in sorted(raw)[:MOST_LABELS]}


def clean(text: str) -> str:
    """On one line, and nothing in it that acts."""
    return _UNFIT.sub(" ", text).strip()


def _fingerprint(raw: Any, labels: Mapping[str, str]) -> str:
    if isinstance(raw, str) and re.fullmatch(r"[0-9a-f]{1,64}", raw):
        return raw
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
