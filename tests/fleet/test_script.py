"""hostctl itself: lint, its argument parser, and what happens when it arrives in pieces."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from orchestrator.fleet.hostctl import HostCtl
from tests.fleet.conftest import SHELLS

VERSION = f"hostctl\t1\tversion\nuser\t{os.geteuid()}\nend\n".encode()
SCRIPT = HostCtl.packaged().script


def ask(shell: str, *arguments: str, script: bytes | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*shell.split(), "-s", "--", *arguments],
        input=SCRIPT if script is None else script,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", **env},
        timeout=30,
        check=False,
    )


def test_shellcheck() -> None:
    done = subprocess.run(["shellcheck", "-s", "sh", "-"], input=SCRIPT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_version(shell: str) -> None:
    done = ask(shell, "version")
    assert (done.returncode, done.stdout, done.stderr) == (0, VERSION, b"")


REFUSED = [
    [],
    ["help"],
    ["ports", "all"],
    ["vitals", "x"],
    ["version", "x"],
    ["--keep-ports", "1", "ports"],
    ["ports", "--keep-ports", "1"],
    ["inspect"],
    ["inspect", "0"],
    ["inspect", "65536"],
    ["inspect", "080"],
    ["inspect", "-1"],
    ["inspect", "80x"],
    ["inspect", "$(id)"],
    ["inspect", "80", "sctp"],
    ["inspect", "80", "tcp", "udp"],
    ["inspect", "99999999999999999999999"],
    ["inspect", "--keep-ports"],
    ["inspect", "--keep-ports", "80"],
    ["inspect", "--keep-ports", "1,,2", "80"],
    ["inspect", "--keep-ports", "1;id", "80"],
    ["follow"],
    ["follow", "auto", "none"],
    ["follow", "auto", "none", "$(id)"],
    ["follow", "shadow", "none", "now"],
    ["follow", "../../etc/shadow", "none", "now"],
    ["follow", "journal", "none", "since:x"],
    ["top", "5"],
    ["who", "root"],
    ["kick"],
    ["kick", "1"],
    ["kick", "1:2:3"],
    ["kick", "1:x"],
    ["kick", "-1:5"],
    ["kick", "7:5", "8:5"],
    ["blocks", "all"],
    ["block", "ssh", "cb007109:32"],
    ["block", "ssh", "203.0.113.9", "60"],
    ["block", "ssh", "CB007109:32", "60"],
    ["block", "ssh", "cb007109", "60"],
    ["block", "ssh", "cb007109:33", "60"],
    ["block", "ssh", "cb007100:23", "60"],
    ["block", "ssh", "cb00710:32", "60"],
    ["block", "ssh", "20010db8000000000000000000000000:47", "60"],
    ["block", "ssh", "20010db8000000000000000000000000:129", "60"],
    ["block", "ssh", "cb007109:32", "0"],
    ["block", "ssh", "cb007109:32", "2592001"],
    ["block", "ssh", "cb007109:32", "forever"],
    ["block", "console", "cb007109:32", "60"],
    ["block", "ssh", "cb007109:32", "60", "--keep"],
    ["block", "ssh", "cb007109:32", "60", "--keep", "cb007109;id"],
    ["block", "ssh", "cb007109:$(id)", "60"],
    ["unblock"],
    ["unblock", "all"],
    ["unblock", "cb007109:32", "cb007108:32"],
    ["close", "tcp", "80"],
    ["close", "80", "tcp", "1:1:1"],
    ["close", "tcp", "80", "1"],
    ["close", "tcp", "80", "1:1"],
    ["close", "tcp", "80", "1:1:1:1"],
    ["close", "tcp", "80", "1:1:1,"],
    ["close", "tcp", "80", "-1:1:1"],
    ["close", "tcp", "80", "1:1:1", "x"],
    ["close", "tcp", "80", "1:$(touch x):1"],
    ["close", "tcp", "80", "9999999999:1:1"],
    ["unit-stop", "web.service", "tcp"],
    ["unit-stop", "web", "tcp", "80"],
    ["unit-stop", "-H.service", "tcp", "80"],
    ["unit-stop", "a b.service", "tcp", "80"],
    ["unit-stop", "*.service", "tcp", "80"],
    ["unit-stop", "session-1.scope", "tcp", "80"],
    ["unit-stop", "a" * 300 + ".service", "tcp", "80"],
]


@pytest.mark.parametrize("shell", SHELLS)
def test_anything_else_than_its_grammar_is_an_error_before_anything_is_done(shell: str) -> None:
    for arguments in REFUSED:
        done = ask(shell, *arguments)
        lines = done.stdout.decode().splitlines()
        assert done.returncode == 1, arguments
        assert [line.split("\t")[0] for line in lines] == ["hostctl", "error", "end"], arguments
        assert done.stderr == b"", arguments


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_that_was_cut_short_does_nothing(shell: str) -> None:
    call = SCRIPT.rindex(b"main ")
    pieces = random.Random(7)
    for cut in (*(pieces.randrange(call) for _ in range(20)), call):
        assert ask(shell, "ports", script=SCRIPT[:cut]).stdout == b"", cut


@pytest.mark.parametrize("shell", SHELLS)
def test_a_hostile_environment_changes_nothing(shell: str, tmp_path: Path) -> None:
    for name in ("ls", "awk", "tr", "kill"):
        (tmp_path / name).write_text("#!/bin/sh\necho forged\n")
        (tmp_path / name).chmod(0o755)
    done = ask(
        shell,
        "ports",
        PATH=f"{tmp_path}:/usr/bin:/bin",
        TIME_STYLE="full-iso",
        QUOTING_STYLE="c",
        IFS=":",
        LC_ALL="de_DE",
    )
    plain = ask(shell, "ports")
    assert b"forged" not in done.stdout
    assert done.stdout.splitlines()[:2] == plain.stdout.splitlines()[:2]
    assert done.stdout.splitlines()[-1] == b"end"


def test_it_is_the_same_run_as_a_file(tmp_path: Path) -> None:
    """As it is where bootstrap installed it."""
    installed = tmp_path / "hostctl"
    installed.write_bytes(SCRIPT)
    done = subprocess.run(["/bin/sh", str(installed), "version"], capture_output=True, check=False, env={})
    assert done.stdout == VERSION
