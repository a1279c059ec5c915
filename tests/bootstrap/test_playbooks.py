"""What the playbooks put on booted hosts and take away again, alone and held against ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.bootstrap.exporter import release
from tests.bootstrap.fleet import Tree, differences, listeners, look
from tests.bootstrap.playing import PLAYBOOKS, make_home, troubles
from tests.conformance.judge import Judge
from tests.conformance.ours import Ours
from tests.conformance.snapshot import entry, touched
from tests.conformance.told import Run
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.lab.tree import RELEASES, tree

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

UNIT = "orchestrator-node-exporter"


@dataclass
class Played:
    """Runs by name, and how the disks and the SSH servers stood after each; `bare` is before the first."""

    runs: dict[str, Run] = field(default_factory=dict)
    disks: dict[str, dict[str, Tree]] = field(default_factory=dict)
    servers: dict[str, dict[str, object]] = field(default_factory=dict)


def play_through(player: Ours | Judge, lab: Lab, *, check: bool) -> Played:
    """Bootstrap (after a --check), bootstrap again, retire."""
    played = Played(disks={"bare": look(lab.hosts)}, servers={"bare": audit(lab.hosts)})
    plays = [("first", "bootstrap", ()), ("second", "bootstrap", ()), ("retired", "retire", ())]
    for name, playbook, arguments in [("check", "bootstrap", ("--check", "--diff")), *plays] if check else plays:
        played.runs[name] = player.play(PLAYBOOKS / f"{playbook}.yml", arguments)
        played.disks[name] = look(lab.hosts)
        if name == "first":
            played.servers[name] = audit(lab.hosts)
            for host in lab.hosts:
                assert listeners(host) == [*LISTENED[:1], "tcp 127.0.0.1:9100", *LISTENED[1:]], host.name
    return played


def audit(hosts: Sequence[LabHost]) -> dict[str, object]:
    """What ssh-audit has to say of the SSH server of each host."""

    def one(host: LabHost) -> tuple[str, object]:
        argv = [sys.executable, "-m", "ssh_audit", "-j", "--skip-rate-test", str(host.address)]
        ended = subprocess.run(argv, capture_output=True, check=False, timeout=60)
        report = json.loads(ended.stdout)
        assert report["kex"], ended
        return host.name, {name: part for name, part in report.items() if name != "target"}

    with ThreadPoolExecutor() as pool:
        return dict(pool.map(one, hosts))


LISTENED = ["tcp 0.0.0.0:22", "tcp [::]:22"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab, Path, Future[Played]]]:
    """Our hosts, one of each release; the judge's, a Debian 12; our home; and what the judge does meanwhile."""
    with (
        Lab(len(RELEASES), release=RELEASES, name=f"books-{os.getpid()}") as ours,
        Lab(1, name=f"judge-{os.getpid()}") as theirs,
        ThreadPoolExecutor(1) as pool,
    ):
        packed = {"node_exporter_binary": str(release(tmp_path_factory.mktemp("releases"), "1.9.1"))}
        home = make_home(ours, tmp_path_factory.mktemp("ours"), {ours.hosts[1].name: packed})
        judged = make_home(theirs, tmp_path_factory.mktemp("theirs"), {theirs.hosts[0].name: packed})
        judge = Judge(tmp_path_factory.mktemp("a") / "a", judged)
        try:
            yield ours, theirs, home, pool.submit(play_through, judge, theirs, check=False)
        finally:
            pool.shutdown()
            judge.close()


@pytest.fixture(scope="module")
def played(twins: tuple[Lab, Lab, Path, Future[Played]]) -> Played:
    lab, _, home, _ = twins
    return play_through(Ours(home), lab, check=True)


def test_every_run_ends_well(played: Played) -> None:
    for name, run in played.runs.items():
        assert troubles(run) == [], name
        assert run.status == 0, name


def test_check_changes_nothing_and_says_what_would_change(played: Played) -> None:
    for host, before in played.disks["bare"].items():
        assert touched(dict(before), dict(played.disks["check"][host])) == []
    said, done = (
        {task.name for task in played.runs[name].tasks for got in task.hosts.values() if got.outcome == "changed"}
        for name in ("check", "first")
    )
    assert done - said == {"Unpack the program", "Start it, now and at boot"}, "which need what --check does not write"
    assert said <= done


def test_a_second_run_changes_nothing(played: Played) -> None:
    assert played.runs["second"].changed == 0
    for host, before in played.disks["first"].items():
        assert touched(dict(before), dict(played.disks["second"][host])) == []


def test_the_ssh_server_is_as_before(played: Played) -> None:
    assert played.servers["first"] == played.servers["bare"]


def test_retire_leaves_what_was_there_before(played: Played, twins: tuple[Lab, Lab, Path, Future[Played]]) -> None:
    for host in twins[0].hosts:
        assert differences(host, played.disks["bare"][host.name], played.disks["retired"][host.name]) == []
        assert listeners(host) == LISTENED
        assert host.run("systemctl list-units --all 'orchestrator*' --no-legend").stdout == ""


def test_ansible_playbook_does_the_same(played: Played, twins: tuple[Lab, Lab, Path, Future[Played]]) -> None:
    ours, (theirs,), judged = twins[0].hosts[1], twins[1].hosts, twins[3].result(timeout=240)
    for name, run in judged.runs.items():
        assert troubles(run) == [], name
        assert run.status == 0, name
        mine = played.runs[name]
        assert run.recap[theirs.name] == mine.recap[ours.name], name
    assert judged.runs["second"].changed == 0
    image = tree("bookworm")
    before, after = judged.disks["first"][theirs.name], played.disks["first"][ours.name]
    different = {
        path: (str(before.get(path) or entry(image, path)), str(after.get(path) or entry(image, path)))
        for path in before.keys() | after.keys()
        if not path.startswith(("etc/ssh/", "etc/hostname", "root/.ssh", "home/ops/.ssh", "var/lib/sudo"))
    }
    assert {path: pair for path, pair in different.items() if pair[0] != pair[1]} == {
        # each home has a key of its own
        "home/orchestrator/.ssh/authorized_keys": different["home/orchestrator/.ssh/authorized_keys"],
    }
    assert differences(theirs, judged.disks["bare"][theirs.name], judged.disks["retired"][theirs.name]) == []
