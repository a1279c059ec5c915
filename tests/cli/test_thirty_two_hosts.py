"""32 booted hosts at once, some of them in trouble: everyone is named, nobody waits for anybody."""

from __future__ import annotations

import os
import shutil
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
BOOTSTRAP_BOUND_S = 90.0
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


def test_bootstrap_of_all_with_one_down_and_one_that_refuses(big_lab: Lab, home: Path) -> None:
    big_lab.heal()
    down, refusing = big_lab.hosts[2], big_lab.hosts[30]
    down.power_off()
    (refusing.root / "root/.ssh/authorized_keys").unlink()
    shutil.copy(f"{big_lab.key}.pub", home / "keys" / "id_ed25519.pub")
    began = time.monotonic()
    ran = orchestrator(home, "bootstrap", "--yes", "--no-exporter", "--json")
    took = time.monotonic() - began
    assert ran.status == 4
    hosts = ran.json["hosts"]
    troubled = {name: host["status"] for name, host in hosts.items() if host["status"] != "ok"}
    assert troubled == {down.name: "unreachable", refusing.name: "auth_failed"}
    assert all(hosts[name]["detail"] for name in troubled)
    assert len(hosts) == 32
    written = (home / "inventory" / "hosts.yml").read_text()
    for host in big_lab.hosts:
        managed = f"ansible_host: {host.address}, ansible_user: orchestrator, bootstrap_user: root" in written
        assert managed is (host.name not in troubled)
    assert took < BOOTSTRAP_BOUND_S
