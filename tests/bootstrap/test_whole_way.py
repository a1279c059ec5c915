"""Twelve hosts, Debian 11 to 13 with each way in there is: to managed ones, and back to exactly what they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bootstrap.fleet import KINDS, Fleet, differences, kind_of, listeners, look, prepare, troubles
from tests.lab.lab import Lab
from tests.lab.tree import RELEASES

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    count = len(KINDS) * len(RELEASES)
    with Lab(count, release=RELEASES, name=f"ways-{os.getpid()}") as lab:
        yield prepare(lab, tmp_path_factory.mktemp("home"), [kind_of(number) for number in range(count)])


def test_bare_hosts_become_managed_and_bare_again(fleet: Fleet) -> None:
    hosts, inventory = fleet.lab.hosts, fleet.inventory
    before = look(hosts)
    listened = {host.name: listeners(host) for host in hosts}

    checked = fleet.bootstrap("--check", "--json")
    assert troubles(checked) == {}
    assert checked.status == 0
    assert all(host["changed"] > 0 for host in checked.json["hosts"].values())
    seen = look(hosts)
    assert [line for host in hosts for line in differences(host, before[host.name], seen[host.name])] == []
    assert fleet.inventory == inventory

    done = fleet.bootstrap("--json")
    assert troubles(done) == {}
    assert done.status == 0
    for number, host in enumerate(hosts):
        told = done.json["hosts"][host.name]
        steps = {step["name"]: step for step in told["steps"]}
        assert told["status"] == "ok"
        rootless = kind_of(number) == "bob"
        login = "password" if kind_of(number) == "root" else "key"
        assert steps["facts"]["detail"].startswith("Debian GNU/Linux 1")
        assert steps["login"]["detail"] == f"{kind_of(number)}, by {login}"
        assert steps["root"]["done"] is (None if rootless else True)
        assert steps["verify"]["done"] is True
        assert "hostctl" not in steps if rootless else steps["hostctl"]["done"]
        assert "series of metrics came through the connection" in steps["exporter"]["detail"]
        now = set(listeners(host)) - set(listened[host.name])
        assert now == {"tcp 127.0.0.1:9100"}, f"{host.name} also listens on {now}"
        account = "bob" if rootless else "orchestrator"
        assert f"{host.name}: {{address: {host.address}, user: {account}, bootstrap_user: {kind_of(number)}}}" in (
            fleet.inventory
        )

    again = fleet.bootstrap("all", "--json")
    assert troubles(again) == {}
    assert again.status == 0
    assert {host["changed"] for host in again.json["hosts"].values()} == {0}

    owners = fleet.run("ports", "web4", "--json").json["hosts"][0]["ports"]  # as root, by sudo of hostctl alone
    assert {port["process"] for port in owners if port["port"] == 22} <= {"sshd", "systemd"}
    assert fleet.run("exec", "web4", "--", "sudo -n id").status == 1

    gone = fleet.work("retire", "all", "--json")
    assert troubles(gone) == {}
    assert gone.status == 0
    seen = look(hosts)
    assert [line for host in hosts for line in differences(host, before[host.name], seen[host.name])] == []
    assert {host.name: listeners(host) for host in hosts} == listened
    for number, host in enumerate(hosts):
        steps = {step["name"]: step for step in gone.json["hosts"][host.name]["steps"]}
        assert steps["refused"]["done"] is (None if kind_of(number) == "bob" else True)
        assert f"{host.name}: {{address: {host.address}, user: {kind_of(number)}}}" in fleet.inventory
    audit = (Path(fleet.home) / "state" / "orchestrator.db").read_bytes()
    assert b"horse staple" not in audit
