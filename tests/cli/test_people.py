"""top, who, kick, block and unblock: what they print and what they end with. What they do is tried in the lab."""

from __future__ import annotations

import pytest

from orchestrator.demo import DemoFleet
from tests.cli.command import orchestrator


def test_top(fleet: DemoFleet) -> None:
    ran = orchestrator(fleet.home, "top", "web", "--json")
    assert (ran.status, [host["host"] for host in ran.json["hosts"]]) == (0, ["web1", "web2"])
    process = ran.json["hosts"][0]["processes"][0]
    assert {"pid", "user", "cpu", "memory_bytes", "process", "command", "started", "state"} <= set(process)
    table = orchestrator(fleet.home, "top", "web1", "--by", "mem")
    assert table.out.splitlines()[0].split() == ["HOST", "PID", "USER", "CPU", "MEM", "S", "SINCE", "COMMAND"]
    assert orchestrator(fleet.home, "top", "web1", "--by", "name").status == 2


def test_who(fleet: DemoFleet) -> None:
    ran = orchestrator(fleet.home, "who", "web1", "--json")
    assert ran.status == 0
    assert ran.json["hosts"][0]["status"] == "ok"
    wanted = {"session", "user", "terminal", "address", "since", "idle_s", "leader", "service", "command", "ours"}
    assert all(wanted <= set(session) for session in ran.json["hosts"][0]["sessions"])
    assert orchestrator(fleet.home, "who", "web1").status == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["kick", "web1", "nosuch", "--yes"], 2, "there is no session nosuch"),
        (["block", "web1", "localhost"], 2, "'localhost' is not an address"),
        (["block", "web1", "127.0.0.1", "--yes"], 2, "127.0.0.1 is no address that others send from"),
        (["block", "web1", "0.0.0.0/0", "--yes"], 2, "0.0.0.0/0 is too much"),
        (["block", "web1", "203.0.113.9", "--for", "1w"], 2, "'1w' is not a length of time"),
        (["block", "web1", "203.0.113.9", "--for", "1h", "--permanent"], 2, "exclude each other"),
        (["block", "web1"], 2, "there is no address to block"),
        (["block", "web1", "203.0.113.9"], 3, "there is no terminal to ask on"),
        (["unblock", "web1", "web2"], 2, "'web2' is not an address"),
    ],
)
def test_what_cannot_be_done_is_said(fleet: DemoFleet, words: list[str], status: int, said: str) -> None:
    ran = orchestrator(fleet.home, *words)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
