"""hostctl.sh itself: lint, its argument parser, and what happens when it arrives in pieces."""

from __future__ import annotations

import os
import random
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.fleet.conftest import SHELLS

VERSION = f"hostctl\t1\tversion\nuser\t{os.geteuid()}\nend\n".encode()
SCRIPT = Path(str(files("orchestrator.fleet").joinpath("hostctl.sh")))


def ask(shell: str, *arguments: str, script: bytes | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*shell.split(), "-s", "--", *arguments],
        input=SCRIPT.read_bytes() if script is None else script,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", **env},
        timeout=30,
        check=False,
    )


def test_shellcheck() -> None:
    done = subprocess.run(["shellcheck", "-s", "sh", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


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
    whole = SCRIPT.read_bytes()
    call = whole.rindex(b"main ")
    pieces = random.Random(7)
    for cut in (*(pieces.randrange(call) for _ in range(20)), call):
        assert ask(shell, "ports", script=whole[:cut]).stdout == b"", cut


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


def test_it_is_the_same_run_as_a_file() -> None:
    """As it is where bootstrap installed it."""
    done = subprocess.run(["/bin/sh", str(SCRIPT), "version"], capture_output=True, check=False, env={})
    assert done.stdout == VERSION
