"""A host's own choice of the file that its logins are read from: ``login_log``."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import InventoryError
from orchestrator.fleet.hostctl import INSTALLED, HostCtl
from orchestrator.inventory import load
from orchestrator.logins.framing import Frames, Line, Source, Trouble
from orchestrator.logins.reading import Ours, Reading

HOSTCTL = HostCtl.packaged()


@contextmanager
def following(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Hostctl on this machine, as it is sent to a host."""
    process = subprocess.Popen(
        ["/bin/sh", "-s", "--", "follow", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(HOSTCTL.script)
        process.stdin.close()
        yield process
    finally:
        subprocess.run(["pkill", "-KILL", "--session", str(process.pid)], check=False)
        process.wait()
        process.stdout.close()


def test_a_file_of_any_name_is_followed(tmp_path: Path) -> None:
    log = tmp_path / "sshd.log"
    log.write_text("2026-11-22T18:00:00Z web1 sshd: Accepted password for old from 192.0.2.1 port 1 ssh2\n")
    reading = Reading("web1", Ours("root", INSTALLED), None)
    batch, deadline, written = reading.batch(), time.monotonic() + 20, False
    with following(str(log), "none", "now") as process:
        assert process.stdout
        while not batch.events:
            assert time.monotonic() < deadline
            for record in reading.frames.feed(process.stdout.readline()):
                reading.take(record, batch)
            if batch.moved and not written:
                written = True
                with log.open("a") as file:
                    file.write("2026-11-22T18:00:01Z web1 sshd: Accepted password for ann from 192.0.2.7 port 2 ssh2\n")
    assert reading.source == str(log)
    (event,) = (event for _, event in batch.events.values())
    assert (event.user, event.address, event.source, event.pid) == ("ann", "192.0.2.7", "sshd.log", None)


@pytest.mark.parametrize("path", ["{}/missing", "{}", "{}/../etc/passwd", "{}/a b", "{}/"])
def test_what_is_no_file_to_follow_is_said(tmp_path: Path, path: str) -> None:
    with following(path.format(tmp_path), "none", "now") as process:
        assert process.stdout
        records = list(Frames().feed(process.stdout.read()))
    assert len(records) == 1
    assert isinstance(records[0], Trouble)


def test_root_is_never_asked_for_a_file_of_our_choice(tmp_path: Path) -> None:
    by_rule = HOSTCTL.follow("auto", "auth.log", "now").script
    assert "sudo" in by_rule
    assert "sudo" not in HOSTCTL.follow("/etc/shadow", "none", "now").script
    # One that was followed before must not keep us from asking root for the log that the host has.
    assert HOSTCTL.follow("auto", "/tmp/x.log", "now").script == HOSTCTL.follow("auto", "none", "now").script
    installed = tmp_path / "hostctl"
    installed.write_bytes(HOSTCTL.script)
    asked = subprocess.run(
        ["/bin/sh", str(installed), "follow"],
        input=b"follow /etc/shadow none now\n",
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert b"usage" in asked.stdout


def test_a_path_is_one_of_a_source() -> None:
    records = list(Frames().feed(b"hostctl\t1\tfollow\nsource\t/srv/log/sshd-1.log\n"))
    assert records == [Source("/srv/log/sshd-1.log")]
    assert not [each for each in records if isinstance(each, Line)]


def test_the_inventory_says_it(tmp_path: Path) -> None:
    def read(value: str) -> str:
        (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{web1: {{address: 192.0.2.1, login_log: {value}}}}}}}\n")
        return load(tmp_path).hosts["web1"].login_log

    assert read("/var/log/sshd.log") == "/var/log/sshd.log"
    for wrong in ("auth.log", '"/var/log/a b"', "/var/../etc/shadow", "/var/log/", '"/x;id"', "7"):
        with pytest.raises(InventoryError, match="login_log"):
            read(wrong)
