"""One command on 32 booted hosts, three of them in trouble: everyone is named, nobody waits for anybody."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import orchestrator
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(420)]

CONNECT_BOUND_S = 10.0
COMMAND_BOUND_S = 20.0
SLACK_S = 15.0  # start of the interpreter and 29 logins on two cores; the bounds themselves are held by the ssh suite


@pytest.fixture(scope="module")
def big_lab() -> Iterator[Lab]:
    with Lab(32, name=f"big-{os.getpid()}") as lab:
        yield lab


@pytest.fixture
def home(big_lab: Lab, tmp_path: Path) -> Path:
    for name in ("inventory", "keys"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "inventory" / "hosts.yml").write_text(big_lab.inventory_yaml())
    (tmp_path / "keys" / "known_hosts").write_text(big_lab.known_hosts())
    return tmp_path


def test_exec_on_all_with_one_cut_one_frozen_and_one_changed_key(big_lab: Lab, home: Path) -> None:
    cut, frozen, changed = big_lab.hosts[4], big_lab.hosts[11], big_lab.hosts[20]
    cut.cut()
    frozen.freeze()
    changed.change_host_key()
    began = time.monotonic()
    ran = orchestrator(home, "exec", "all", "--json", "--timeout", str(COMMAND_BOUND_S), "--", "hostname")
    took = time.monotonic() - began
    assert ran.status == 4
    statuses = {host["host"]: host["status"] for host in ran.json["hosts"]}
    assert (statuses.pop(cut.name), statuses.pop(frozen.name), statuses.pop(changed.name)) == (
        "unreachable",
        "unreachable",
        "host_key_changed",
    )
    assert Counter(statuses.values()) == {"ok": 29}
    assert ran.json["summary"]["ok"] == 29
    for host in ran.json["hosts"]:
        if host["status"] == "ok":
            assert (host["stdout"], host["exit_code"]) == (host["host"] + "\n", 0)
        else:
            assert (host["stdout"], host["exit_code"]) == ("", None)
            assert host["detail"]
    assert took < CONNECT_BOUND_S + COMMAND_BOUND_S + SLACK_S
