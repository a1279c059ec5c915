"""A lab comes and goes: found by other processes, side by side with another, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab, LabError, cgroup, processes
from tests.lab.command import wait_until
from tests.lab.lab import labs_up

pytestmark = pytest.mark.lab
_CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def name() -> Iterator[str]:
    """A lab's name of this test alone; the lab is gone afterwards even when the test failed."""
    name = f"life-{os.getpid()}"
    yield name
    Lab(1, name=name).down()


def by_hand(verb: str, *words: str, name: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.lab", verb, "--name", name, *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=_CHECKOUT)


def traces(lab: Lab) -> list[str]:
    """Everything on this machine that belongs to the lab."""
    folder, bridge = str(lab.folder), lab.identity
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{folder}/" in line]
    links = [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(bridge)]
    groups = [str(path) for group in cgroup.groups(bridge) for path in group.parent.glob(f"{group.name}-*")]
    lines = [" ".join(processes.arguments(int(path.name))) for path in Path("/proc").glob("[0-9]*")]
    running = [line for line in lines if f"{folder}/" in line]
    nspawn = [str(path) for path in Path("/run/systemd/nspawn").rglob("*") if bridge in path.name]
    return [*mounts, *links, *groups, *running, *nspawn, *([folder] if lab.folder.exists() else [])]


def test_leaves_nothing(name: str) -> None:
    with Lab(2, name=name) as lab:
        inside = [pid for host in lab.hosts for pid in processes.beside(host.leader)]
        assert len(inside) > 10
        assert len(traces(lab)) >= 2 + 2 + 3 + 2  # disks, namespaces, links, processes
        lab.hosts[0].freeze()
        lab.hosts[1].power_off()
    assert traces(lab) == []
    wait_until("all processes end", lambda: not any(processes.alive(pid) for pid in inside), 5)
    assert name not in labs_up()


def test_two_labs_live_side_by_side(lab: Lab, name: str) -> None:
    with Lab(1, name=name) as second:
        assert second.hosts[0].address.rpartition(".")[0] != lab.hosts[0].address.rpartition(".")[0]
        with pytest.raises(LabError, match="up already"):
            Lab(1, name=name).up()
        second.hosts[0].wait_ssh(5)
    lab.hosts[0].wait_ssh(5)


def test_a_failed_build_leaves_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.lab._BOOT_TIMEOUT", 0.0)
    lab = Lab(1, name=name)
    with pytest.raises(LabError, match="web1: ssh"):
        lab.up()
    assert traces(lab) == []


def test_a_crashed_run_is_cleaned_up_by_the_next(name: str) -> None:
    code = (
        f"from tests.lab import Lab; import sys; Lab(1, name={name!r}).up(); print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_CHECKOUT
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        run.send_signal(signal.SIGKILL)
    abandoned = Lab.attach(name)
    abandoned.hosts[0].wait_ssh(5)
    with Lab(1, name=f"{name}-next"):
        assert traces(abandoned) == []


def test_by_hand_from_process_to_process(name: str) -> None:
    up = by_hand("up", "2", name=name)
    assert up.returncode == 0, up.stderr
    assert "2 hosts answer" in up.stdout
    lab = Lab.attach(name)
    with Lab(1, name=f"{name}-other"):
        assert lab.folder.exists(), "a lab left running on purpose is not abandoned"
    assert by_hand("ssh", "2", "hostname", name=name).stdout == "web2\n"
    assert by_hand("freeze", "1", name=name).returncode == 0
    with pytest.raises(LabError, match="ssh: not within"):
        lab.hosts[0].wait_ssh(0.5)
    assert by_hand("heal", "1", name=name).returncode == 0
    lab.hosts[0].wait_ssh(5)
    assert by_hand("off", "2", name=name).returncode == 0
    assert f"{lab.hosts[1].address:14} bookworm   off" in by_hand("up", "1", name=name).stderr + by_hand_status()
    assert by_hand("boot", "2", name=name).returncode == 0
    assert by_hand("cut", "3", name=name).stderr == "lab: this lab has hosts 1 to 2, not 3\n"
    assert by_hand("down", name=name).returncode == 0
    assert traces(lab) == []
    assert "no lab" in by_hand("cut", "1", name=name).stderr


def by_hand_status() -> str:
    argv = [sys.executable, "-m", "tests.lab", "status"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, cwd=_CHECKOUT).stdout
