"""patterns.toml: each pattern against its own samples, and that it can only be written so that it is linear."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import pytest

from orchestrator.logins.event import LoginEvent
from orchestrator.logins.parse import parse_line
from orchestrator.logins.patterns import Pattern, catalogue
from orchestrator.logins.template import Template

NOW = 1_795_370_400.0
_TOLD = ("user", "address", "port", "method", "session", "key", "target", "detail", "count")
_BLANK: dict[str, Any] = {"port": None, "count": 1}
_SAMPLES = [
    pytest.param(pattern, sample, id=f"{pattern.id}-{number}")
    for pattern in catalogue().patterns
    for number, sample in enumerate(pattern.samples)
]


def said(program: str, message: str) -> LoginEvent | None:
    line = f"2026-11-22T18:00:00.000000+00:00 web1 {program}[731]: {message}"
    return parse_line(line.encode(), host="web1", source="auth.log", now=NOW, zone=UTC)


@pytest.mark.parametrize(("pattern", "sample"), _SAMPLES)
def test_each_sample_is_understood(pattern: Pattern, sample: Mapping[str, Any]) -> None:
    event = said(sample.get("program", "sshd"), sample["message"])
    assert event is not None
    assert (event.pattern, event.kind, event.ok) == (pattern.id, pattern.kind, pattern.ok)
    expected = {name: sample.get(name, _BLANK.get(name, "")) for name in _TOLD}
    assert {name: getattr(event, name) for name in _TOLD} == expected
    assert set(sample) <= {*_TOLD, "message", "program"}


def test_each_pattern_has_a_name_of_its_own_a_sample_and_fields_that_are_told() -> None:
    assert all(pattern.samples for pattern in catalogue().patterns)
    ids = [pattern.id for pattern in catalogue().patterns]
    assert len(ids) == len(set(ids))
    fields = {name for pattern in catalogue().patterns for each in pattern.templates for name in each.fields}
    assert {name for name in fields if not name.startswith("_")} <= {*_TOLD, "peer", "keytype"}


@pytest.mark.parametrize("text", ["{a*}{b*}", "{a*} {b*} {c*}", "x {a~}", "{a*} by {b~} x", "{key?} x", "{a*}{b} {c*}"])
def test_a_template_that_would_not_be_linear_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="{"):
        Template(text)
