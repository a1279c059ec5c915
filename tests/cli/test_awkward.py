"""The command line in awkward places and at awkward moments: never a traceback, never a lost outcome."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orchestrator.cli.session import local_actor
from orchestrator.control import Face
from orchestrator.demo import DemoFleet
from tests.cli.command import environment, orchestrator
from tests.cli.person import Person
from tests.cli.test_verbs import alive, wait_for


def shell(home: Path, line: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``$O`` is the program."""
    environ = {**environment(home), "O": f"{sys.executable} -m orchestrator", **extra}
    done = subprocess.run(["sh", "-c", line], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@contextmanager
def at_work(fleet: DemoFleet, script: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """``exec web1`` of a script that has begun."""
    command = [sys.executable, "-m", "orchestrator", "exec", "web1", "--", f"echo begun >{file}; {script}"]
    environ = environment(fleet.home)
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            wait_for("begun", file)
            yield process
        finally:
            process.kill()


class TestStreams:
    def test_standard_input_closed_is_a_no(self, fleet: DemoFleet) -> None:
        assert shell(fleet.home, f"$O close web1 {fleet.port} <&-").returncode == 3

    def test_standard_output_closed(self, fleet: DemoFleet) -> None:
        assert shell(fleet.home, "$O exec web1 --json -- false >&-").returncode == 1

    @pytest.mark.parametrize("verb", ["hosts --json", "exec web1 -- echo hi", "exec web1 --json -- true"])
    def test_output_that_cannot_be_written_is_no_success(self, fleet: DemoFleet, verb: str) -> None:
        done = shell(fleet.home, f"$O {verb} >/dev/full")
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == "orchestrator: cannot write the output: No space left on device"

    def test_a_terminal_without_our_letters(self, fleet: DemoFleet) -> None:
        assert shell(fleet.home, "$O exec all -- echo hi", PYTHONIOENCODING="ascii").returncode == 0
        done = shell(fleet.home, "$O exec web1 --json -- printf 'h\\303\\251'", PYTHONIOENCODING="ascii")
        assert r'"stdout": "h\u00e9"' in done.stdout

    def test_json_cannot_take_over_a_terminal(self, fleet: DemoFleet) -> None:
        with Person(fleet.home, "exec", "web1", "--json", "--", "printf '\\302\\233'") as person:
            assert "\x9b" not in person.sees('"summary"')

    def test_a_command_that_is_no_text_arrives_as_it_is(self, fleet: DemoFleet) -> None:
        done = shell(fleet.home, """$O exec web1 --json -- "echo $(printf '\\377') | od -An -tx1" """)
        assert (done.returncode, "ff 0a" in done.stdout) == (0, True), done


class TestPlaces:
    def test_a_state_that_cannot_be_written_is_one_line(self, fleet: DemoFleet, tmp_path: Path) -> None:
        shutil.copytree(fleet.home / "inventory", tmp_path / "inventory")
        (tmp_path / "state").write_text("in the way")
        ran = orchestrator(tmp_path, "exec", "web1", "--", "true")
        assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)

    def test_a_current_folder_that_is_gone(self, fleet: DemoFleet) -> None:
        line = "d=$(mktemp -d); cd $d; rmdir $d; unset ORCHESTRATOR_HOME; $O hosts"
        done = shell(fleet.home, line, PYTHONPATH=str(Path(__file__).parents[2]))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


class TestActor:
    def test_who_asks_is_who_the_system_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOGNAME", "somebody-else")
        monkeypatch.delenv("SUDO_USER", raising=False)
        me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        assert local_actor(Face.CLI).id == f"local:{me}"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
    def test_a_user_without_a_name_or_with_a_false_one(self) -> None:
        code = (
            "import os; from orchestrator.cli.session import local_actor; from orchestrator.control import Face;"
            " os.setuid(54321); print(local_actor(Face.CLI).id)"
        )
        environ = {"PATH": os.environ["PATH"], "SUDO_USER": "root"}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
        assert done.stdout == "local:54321\n"


class TestMoments:
    def test_the_outcome_is_told_though_the_audit_cannot_be_written(self, fleet: DemoFleet, tmp_path: Path) -> None:
        go, database = tmp_path / "go", fleet.home / "state" / "orchestrator.db"
        script = f"until [ -e {go} ]; do sleep 0.05; done; echo precious"
        with (
            at_work(fleet, script, tmp_path / "begun") as process,
            closing(sqlite3.connect(database, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            go.touch()
            out, err = process.communicate(timeout=60)
            other.execute("ROLLBACK")
            assert (process.returncode, out) == (0, "precious\n")
            assert "counts as unknown" in err
            assert "Traceback" not in err
            kind, summary = other.execute("SELECT kind, summary FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
            assert (kind, "precious" in summary) == ("intent", True)

    def test_a_second_interrupt_abandons_at_once_and_says_so(self, fleet: DemoFleet, tmp_path: Path) -> None:
        with at_work(fleet, "trap '' TERM; sleep 98.76", tmp_path / "begun") as process:
            process.send_signal(signal.SIGINT)
            # Only to hit the moment between the two: whichever way it goes, the end is the same.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            assert process.returncode == 130
            assert "may still be running" in err
            assert "Traceback" not in err

    def test_a_terminal_that_is_closed_stops_the_remote_work(self, fleet: DemoFleet, tmp_path: Path) -> None:
        with at_work(fleet, "sleep 97.65", tmp_path / "begun") as process:
            process.send_signal(signal.SIGHUP)
            process.communicate(timeout=60)
            assert process.returncode == 130
            assert not alive("sleep 97.65")

    def test_nohup_is_heeded(self, fleet: DemoFleet, tmp_path: Path) -> None:
        begun, go = tmp_path / "begun", tmp_path / "go"
        script = f"echo begun >{begun}; until [ -e {go} ]; do sleep 0.05; done; echo done"
        command = ["nohup", sys.executable, "-m", "orchestrator", "exec", "web1", "--", script]
        with subprocess.Popen(command, env=environment(fleet.home), stdout=subprocess.PIPE, text=True) as process:
            wait_for("begun", begun)
            process.send_signal(signal.SIGHUP)
            go.touch()
            assert process.communicate(timeout=60)[0] == "done\n"
            assert process.returncode == 0

    def test_ctrl_c_at_a_passphrase(self, fleet: DemoFleet) -> None:
        key = fleet.home / "keys" / "id_ed25519"
        encrypt = ["ssh-keygen", "-p", "-q", "-f", str(key)]
        subprocess.run([*encrypt, "-N", "correct horse", "-P", ""], check=True, capture_output=True)
        try:
            with Person(fleet.home, "exec", "web1", "--", "true") as person:
                person.sees("Passphrase for")
                person.process.send_signal(signal.SIGINT)
                assert person.leaves(within=10) == 130
        finally:
            subprocess.run([*encrypt, "-N", "", "-P", "correct horse"], check=True, capture_output=True)

    def test_an_interrupt_before_closing_closes_nothing(self, fleet: DemoFleet) -> None:
        found = subprocess.run(
            ["pgrep", "-f", str(fleet.home / "hosts" / "web1" / "sshd_config")],
            capture_output=True,
            text=True,
            check=True,
        )
        server = int(found.stdout.split()[0])
        command = [sys.executable, "-m", "orchestrator", "close", "web1", str(fleet.port), "--yes"]
        with closing(sqlite3.connect(fleet.home / "state" / "orchestrator.db")) as database:
            asked = "SELECT count(*) FROM audit WHERE kind = 'intent'"
            before = database.execute(asked).fetchone()[0]
            os.kill(server, signal.SIGSTOP)  # looking at the port takes until it goes on
            try:
                process = subprocess.Popen(
                    command, env=environment(fleet.home), stderr=subprocess.PIPE, text=True, start_new_session=True
                )
                deadline = time.monotonic() + 20
                while database.execute(asked).fetchone()[0] == before:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                process.send_signal(signal.SIGINT)
            finally:
                os.kill(server, signal.SIGCONT)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, "nothing was done" in err) == (130, True), err
        assert f'"port": {fleet.port}' in orchestrator(fleet.home, "ports", "web1", "--json").out


def test_a_wrong_bot_token_is_no_matter_of_verbs_that_need_none(fleet: DemoFleet) -> None:
    wrong = {"BOT_TOKEN": "hunter2", "ALLOWED_USERS": ""}
    assert orchestrator(fleet.home, "exec", "web1", "--", "true", **wrong).status == 0
    served = orchestrator(fleet.home, "serve", **wrong)
    assert (served.status, "BOT_TOKEN: does not look like a bot token" in served.err) == (2, True)


def test_several_hosts_are_one_pattern(fleet: DemoFleet) -> None:
    ran = orchestrator(fleet.home, "bootstrap", "web1", "web2")
    assert ran.status == 2
    assert "Several hosts are one pattern, with commas: web1,web2" in ran.err
