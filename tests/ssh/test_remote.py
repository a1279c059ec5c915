"""The text sent to a host: every login shell must read it the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.inventory.model import Become, Host
from orchestrator.ssh.become import METHODS
from orchestrator.ssh.remote import become_of, program, unfit
from orchestrator.ssh.result import Command
from orchestrator.ssh.sweep import GONE, UNKNOWN, fate, sweep

HOST = Host("a", "a.example")
SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "tcsh", "csh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_login_shells_read_the_line_alike(shell: str) -> None:
    wrapped = program(None, Command("printf '%s|' \"it's\" '!x' \\\\ \"$((1+1))\"; cat; exit 7", stdin=b"in\0put"))
    done = subprocess.run(
        [shell, "-c", wrapped.line], input=wrapped.stdin, capture_output=True, check=False, start_new_session=True
    )
    assert (done.returncode, done.stdout) == (7, b"it's|!x|\\|2|in\0put")
    assert re.fullmatch(rb"%b [1-9][0-9]*\n" % wrapped.token.encode(), done.stderr)


def test_the_line_holds_nothing_that_a_shell_could_take_differently() -> None:
    becomes = [Become(method, password=password) for method in METHODS for password in (None, "pass")]
    for host in (HOST, *(replace(HOST, become=become) for become in becomes)):
        line = program(host.become, Command("it's $a `script` !\n\\")).line
        assert not set(line) & set("\\!\n\0")
        assert line.count("'") % 2 == 0
        assert "script`" not in line


def test_half_a_script_is_never_run() -> None:
    wrapped = program(None, Command("echo first\necho second"))
    for length in range(len(wrapped.stdin)):
        done = subprocess.run(
            ["sh", "-c", wrapped.line], input=wrapped.stdin[:length], capture_output=True, check=False
        )
        assert done.stdout == b""
        assert done.returncode == 255
        assert b"incomplete" in done.stderr


def test_password_is_in_no_argument_and_no_repr() -> None:
    host = replace(HOST, become=Become(password="hunter2"))
    wrapped = program(host.become, Command("true"))
    assert "hunter2" not in wrapped.line
    assert "hunter2" not in repr(wrapped)
    assert b"hunter2" not in wrapped.stdin


@pytest.mark.parametrize("user", ["", "a b", "a'b", "-u", "$(id)", "a\nb", "x;y", "!"])
def test_account_that_is_none_is_refused(user: str) -> None:
    assert "account" in (unfit(replace(HOST, become=Become(user=user)), Command("true")) or "")


@pytest.mark.parametrize("user", ["root", "www-data", "_apt", "#1000", "a.b@example", "machine$"])
def test_account_names(user: str) -> None:
    host = replace(HOST, become=Become(user=user))
    assert unfit(host, Command("true")) is None
    assert f"-u '{user}'" in program(host.become, Command("true")).line


def test_who_runs_it() -> None:
    assert become_of(HOST, Command("true")) is None
    assert become_of(HOST, Command("true", become=True)) == Become()
    deploy = replace(HOST, become=Become(user="deploy"))
    assert become_of(deploy, Command("true")) == deploy.become


def swept(path: str) -> str:
    """What a sweep of a group and a token that nobody has says, with the commands of `path`."""
    script = sweep(2**22 + 1, "0" * 32, 4.5).script
    done = subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": path, "ORCHESTRATOR_RUN": "own"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_sweep_without_a_grep_that_works_does_not_say_gone(tmp_path: Path) -> None:
    assert swept("/usr/bin:/bin") == "gone\n"
    assert swept(str(tmp_path)) == "unsearched\n"
    grep = tmp_path / "grep"
    grep.write_text("#!/bin/sh\ncase $1 in -ls) exit 126;; esac\n")  # as when there are too many processes for a line
    grep.chmod(0o755)
    assert swept(str(tmp_path)) == "unsearched\n"


@pytest.mark.skipif(not shutil.which("busybox"), reason="this machine has no busybox")
def test_sweep_with_the_grep_of_busybox(tmp_path: Path) -> None:
    (tmp_path / "grep").symlink_to(shutil.which("busybox") or "")
    assert swept(str(tmp_path)) == "gone\n"
    marked = subprocess.Popen(["sleep", "300"], env={"A": "1", "ORCHESTRATOR_RUN": "0" * 32, "Z": "\n"})
    try:
        assert swept(str(tmp_path)) == f"detached {marked.pid}\n"
    finally:
        marked.kill()
        marked.wait()


def test_fate_is_what_the_last_line_says() -> None:
    assert fate(b"motd\ngone\n") == GONE
    assert fate(b"detached 7 81\n").text.endswith("what it detached still runs (pid 7, 81)")
    assert fate(b"detached 1 2 3 4 5 6 7\n").text.endswith("(pid 1, 2, 3, 4, 5 and 2 more)")
    assert fate(b"unsearched").alive
    for answer in (b"", b"\n", b"left 5", b"blind", b"detached", b"detached x", b"gone\nleft 5", b"gone 5"):
        assert fate(answer) == UNKNOWN
