"""`orchestrator login-rules`: which logins are told, shown with who set it, and set through the door."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import orchestrator


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With web1 in the group web."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "hosts.yml").write_text(
        "all: {children: {web: {hosts: {web1: {address: 192.0.2.1}}}}}\n", encoding="utf-8"
    )
    return tmp_path


def test_a_rule_is_set_shown_and_taken_back(home: Path) -> None:
    told = orchestrator(home, "login-rules", "known", "0.0.0.0/0")
    assert (told.status, told.out, len(told.err.splitlines())) == (2, "", 1)
    (rule,) = orchestrator(home, "login-rules", "known", "192.0.2.9/24", "web", "--json").json["rules"]
    assert (rule["rule"], rule["on"], rule["scope"]) == ("known 192.0.2.0/24", True, "group web")
    assert rule["actor"].startswith("local:")
    told = orchestrator(home, "login-rules", "known", "192.0.2.0/24", "off", "web1")
    assert told.out.splitlines()[0].split() == ["RULE", "STATE", "SET", "FOR", "BY", "AT"]
    assert "off    host web1" in told.out
    told = orchestrator(home, "login-rules", "known", "192.0.2.0/24", "default", "web1")
    assert len(told.out.splitlines()) == 2
