"""Every verb on real SSH hosts: what it prints where, and what it ends with."""

from __future__ import annotations

import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.demo import DemoFleet
from tests.cli.command import environment, orchestrator


def wait_for(text: str, file: Path, bound: float = 20.0) -> None:
    deadline = time.monotonic() + bound
    while text not in (file.read_text() if file.exists() else ""):
        assert time.monotonic() < deadline, f"{text!r} never came"
        time.sleep(0.05)


def alive(marker: str) -> bool:
    return subprocess.run(["pgrep", "-f", marker], stdout=subprocess.DEVNULL, check=False).returncode == 0


class TestHosts:
    def test_json_has_the_promised_keys(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "hosts", "web", "--json")
        assert ran.status == 0
        assert [host["name"] for host in ran.json["hosts"]] == ["web1", "web2"]
        assert set(ran.json["hosts"][0]) == {"name", "address", "port", "user", "groups"}

    def test_table_and_folded_names(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "hosts", "all")
        assert ran.out.splitlines()[0].split() == ["HOST", "ADDRESS", "PORT", "GROUPS"]
        assert "web[1-2]" in ran.err

    def test_unknown_name_is_a_usage_error_with_a_hint(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "hosts", "web9")
        assert (ran.status, ran.out) == (2, "")
        assert "web9 is not in the inventory" in ran.err
        assert "Did you mean web" in ran.err


class TestExec:
    def test_json_shape_and_summary(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "exec", "all", "--json", "--", "printf 'a\\377'; echo err >&2; exit 3")
        assert ran.status == 1
        host = ran.json["hosts"][0]
        promised = {"host", "status", "exit_code", "stdout", "stderr", "truncated", "duration_s"}
        assert promised <= set(host)
        assert (host["status"], host["exit_code"], host["stdout"], host["stderr"]) == ("failed", 3, "a\ufffd", "err\n")
        assert ran.json["summary"]["failed"] == 3
        assert set(ran.json["summary"]) == {
            *("ok", "failed", "timeout", "unreachable", "auth_failed"),
            *("host_key_unknown", "host_key_changed", "lost", "cancelled"),
        }

    def test_identical_outputs_are_folded(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "exec", "all", "--", "echo same")
        assert ran.status == 0
        assert ran.out.count("same") == 1
        assert "web[1-2]" in ran.out
        assert "3 ok" in ran.err

    def test_one_host_gives_its_bytes_and_nothing_else(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "exec", "web1", "--", "echo out; echo err >&2")
        assert (ran.status, ran.out, ran.err) == (0, "out\n", "err\n")

    def test_an_output_without_a_line_end_is_kept_apart_from_the_next(self, fleet: DemoFleet) -> None:
        lines = orchestrator(fleet.home, "exec", "all", "--", "printf %s $$").out.splitlines()
        assert [line[:2] for line in lines[::2]] == ["──"] * 3
        assert all(line.isdecimal() for line in lines[1::2])
        assert orchestrator(fleet.home, "exec", "web1", "--", "printf a").out == "a"

    def test_one_argument_is_a_line_several_are_a_program(self, fleet: DemoFleet) -> None:
        assert orchestrator(fleet.home, "exec", "web1", "--", "echo a; echo b").out == "a\nb\n"
        assert orchestrator(fleet.home, "exec", "web1", "--", "echo", "a; echo b", "$HOME").out == "a; echo b $HOME\n"

    def test_timeout_is_told_and_nothing_is_left(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "exec", "all", "--timeout", "1", "--", "sleep 4567")
        assert ran.status == 4
        assert "3 timeout (" in ran.err
        assert not alive("sleep 4567")

    def test_serial_and_max_fail_stop_a_rolling_run(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "exec", "all", "--serial", "1", "--max-fail", "0", "--json", "--", "false")
        assert ran.status == 1
        assert [host["status"] for host in ran.json["hosts"]].count("failed") == 1
        assert ran.json["summary"]["cancelled"] == 2

    def test_the_control_node_is_the_host_server(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "exec", "Server", "--", "echo here")
        assert (ran.status, ran.out) == (0, "here\n")

    def test_worst_status_wins(self, fleet: DemoFleet, tmp_path: Path) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        for name in ("inventory", "keys", "state"):
            (tmp_path / name).mkdir(mode=0o700)
        for file in ("id_ed25519", "known_hosts"):
            (tmp_path / "keys" / file).write_bytes((fleet.home / "keys" / file).read_bytes())
            (tmp_path / "keys" / file).chmod(0o600)
        text = (fleet.home / "inventory" / "hosts.yml").read_text()
        (tmp_path / "inventory" / "hosts.yml").write_text(
            f"{text}  hosts:\n    gone: {{address: 127.0.0.1, port: {port}}}\n"
        )
        ran = orchestrator(tmp_path, "exec", "all", "--json", "--", "false")
        assert ran.status == 4
        assert ran.json["summary"]["failed"] == 3
        gone = next(host for host in ran.json["hosts"] if host["host"] == "gone")
        assert (gone["status"], gone["exit_code"], gone["detail"]) == ("unreachable", None, "connection refused")

    def test_every_run_leaves_an_intent_and_a_result(self, fleet: DemoFleet) -> None:
        orchestrator(fleet.home, "exec", "web1", "--", "echo audited")
        with sqlite3.connect(fleet.home / "state" / "orchestrator.db") as database:
            rows = database.execute("SELECT kind, summary, outcome FROM audit ORDER BY seq DESC LIMIT 2").fetchall()
        database.close()
        assert [row[0] for row in rows] == ["result", "intent"]
        assert rows[0][1] == "Run on web1: echo audited"
        assert '"stdout_sha256"' in rows[0][2]
        assert "audited\n" not in rows[0][2]

    def test_interrupt_stops_the_remote_work(self, fleet: DemoFleet, tmp_path: Path) -> None:
        began = tmp_path / "began"
        with subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "exec", "web1", "--json", "--", f"echo x > {began}; sleep 8765"],
            env=environment(fleet.home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_for("x", began)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert '"cancelled": 1' in out
        assert "Traceback" not in err
        assert not alive("sleep 8765")

    def test_a_reader_that_goes_away_is_no_error_of_ours(self, fleet: DemoFleet) -> None:
        line = f"{sys.executable} -m orchestrator exec web1 -- 'seq 200000' | head -1"
        done = subprocess.run(
            ["sh", "-c", line], env=environment(fleet.home), capture_output=True, text=True, check=False
        )
        assert done.stdout == "1\n"
        assert "Traceback" not in done.stderr
        assert "Broken" not in done.stderr

    def test_progress_on_a_terminal_none_in_a_pipe(self, fleet: DemoFleet) -> None:
        argv = [sys.executable, "-m", "orchestrator", "exec", "all", "--", "sleep 1"]
        assert "/3" not in orchestrator(fleet.home, "exec", "all", "--", "sleep 1").err
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            argv, env={**environment(fleet.home), "TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=theirs
        ) as process:
            os.close(theirs)
            shown = b""
            try:
                while chunk := os.read(ours, 4096):
                    shown += chunk
            except OSError:  # Linux's way to say that the other end of a terminal is closed
                pass
            process.wait(30)
        os.close(ours)
        assert b"0/3" in shown

    def test_host_output_cannot_take_over_a_terminal(self, fleet: DemoFleet) -> None:
        argv = [sys.executable, "-m", "orchestrator", "exec", "web1", "--", r"printf '\033]0;owned\007x\033[2J\n'"]
        ours, theirs = pty.openpty()
        subprocess.run(argv, env=environment(fleet.home), stdout=theirs, stderr=subprocess.DEVNULL, check=True)
        os.close(theirs)
        assert b"\x1b" not in os.read(ours, 4096)
        os.close(ours)


class TestPortsAndClose:
    def test_ports_json(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "ports", "web1", "--json")
        assert ran.status == 0
        ports = ran.json["hosts"][0]["ports"]
        assert {"protocol", "address", "port", "pid", "process", "unit"} <= set(ports[0])
        ours = next(port for port in ports if port["port"] == fleet.port)
        assert (ours["protocol"], ours["address"]) == ("tcp", "127.0.0.1")
        assert ours["process"].startswith("python")

    def test_close_wants_a_yes_and_then_closes(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        victim = subprocess.Popen(
            [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._close(victim, port)
        finally:
            victim.kill()
            victim.wait()

    def _close(self, victim: subprocess.Popen[bytes], port: int) -> None:
        from orchestrator.demo import demo_fleet
        from orchestrator.demo.processes import wait_for

        with demo_fleet() as fleet:
            wait_for(("127.0.0.1", port), "victim", fleet.home / "web.log")
            asked = orchestrator(fleet.home, "close", "web1", str(port))
            assert asked.status == 3
            assert f"pid {victim.pid}" in asked.err
            assert "nothing was done" in asked.err
            assert victim.poll() is None
            closed = orchestrator(fleet.home, "close", "web1", str(port), "--yes")
            assert (closed.status, victim.wait(5)) == (0, -signal.SIGTERM)
            assert f"tcp {port} is free" in closed.err
            again = orchestrator(fleet.home, "close", "web1", f"{port}/tcp", "--yes")
            assert (again.status, f"nothing listens on {port}" in again.err) == (0, True)

    def test_the_sshd_that_carries_us_is_refused(self, fleet: DemoFleet) -> None:
        hosts = orchestrator(fleet.home, "hosts", "web1", "--json").json["hosts"]
        ran = orchestrator(fleet.home, "close", "web1", str(hosts[0]["port"]), "--yes")
        assert ran.status == 3
        assert orchestrator(fleet.home, "exec", "web1", "--", "true").status == 0

    @pytest.mark.parametrize("port", ["0", "65536", "http", "80/sctp", "tcp 80/tcp"])
    def test_a_port_that_is_none(self, fleet: DemoFleet, port: str) -> None:
        ran = orchestrator(fleet.home, "close", "web1", port)
        assert ran.status == 2
        assert "is not a port" in ran.err


class TestKeys:
    def test_forget_refuse_compare_trust(self, fleet: DemoFleet) -> None:
        host_key = fleet.home / "hosts" / "web2" / "host_key.pub"
        listed = subprocess.run(["ssh-keygen", "-lf", host_key], capture_output=True, text=True, check=True)
        fingerprint = listed.stdout.split()[1]
        assert orchestrator(fleet.home, "keys", "forget", "web2").status == 0
        refused = orchestrator(fleet.home, "exec", "web2", "--json", "--", "touch /tmp/never")
        assert refused.status == 4
        assert refused.json["hosts"][0]["status"] == "host_key_unknown"
        assert fingerprint in refused.json["hosts"][0]["detail"]
        asked = orchestrator(fleet.home, "keys", "trust", "web2")
        assert (asked.status, fingerprint in asked.out) == (3, True)
        assert "no terminal to ask on" in asked.err
        wrong = orchestrator(fleet.home, "keys", "trust", "web2", "--fingerprint", "SHA256:" + "A" * 43)
        assert wrong.status == 3
        assert orchestrator(fleet.home, "exec", "web2", "--", "true").status == 4
        for _ in ("pins", "is pinned already"):
            assert orchestrator(fleet.home, "keys", "trust", "web2", "--fingerprint", fingerprint).status == 0
        again = orchestrator(fleet.home, "keys", "trust", "web2", "--fingerprint", "SHA256:" + "A" * 43)
        assert again.status == 3, "what is asserted is checked, pinned or not"
        assert orchestrator(fleet.home, "exec", "web2", "--", "true").status == 0

    def test_a_changed_key_is_not_overwritten(self, fleet: DemoFleet) -> None:
        known = fleet.home / "keys" / "known_hosts"
        before = known.read_text()
        entries = [line.split()[:3] for line in before.splitlines()]
        name = next(entry[0] for entry in entries if entry[0].startswith("[127.0.0.13]"))
        another = next(entry[2] for entry in entries if entry[0].startswith("[127.0.0.11]"))
        known.write_text(f"{name} ssh-ed25519 {another}\n")
        try:
            ran = orchestrator(fleet.home, "exec", "db1", "--json", "--", "true")
            assert ran.json["hosts"][0]["status"] == "host_key_changed"
            trust = orchestrator(fleet.home, "keys", "trust", "db1")
            assert trust.status == 3
            assert "keys forget db1" in trust.err
        finally:
            known.write_text(before)


class TestErrors:
    def test_each_is_one_line_that_says_what_where_and_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "inventory").mkdir(mode=0o755)
        (tmp_path / "inventory" / "hosts.yml").write_text("all:\n  hosts:\n    web1: {port: 99999}\n")
        cases = {
            ("exec",): "Missing argument",
            ("exec", "all", "--bad"): "No such option: --bad",
            ("nonsense",): "No such command 'nonsense'",
            ("hosts",): "hosts.yml:3",
            ("exec", "all", "--", "true"): "hosts.yml:3",
        }
        for argv, says in cases.items():
            ran = orchestrator(tmp_path, *argv)
            assert (ran.status, ran.out) == (2, ""), argv
            assert says in ran.err
            assert len(ran.err.splitlines()) == 1, ran.err

    def test_settings_name_the_variable(self, fleet: DemoFleet) -> None:
        ran = orchestrator(fleet.home, "serve", BOT_TOKEN="oops-a-secret")
        assert ran.status == 2
        assert ran.err.startswith("orchestrator: BOT_TOKEN: does not look like a bot token")
        assert "oops-a-secret" not in ran.err

    def test_a_home_that_is_none(self, tmp_path: Path) -> None:
        ran = orchestrator(tmp_path, "--home", str(tmp_path / "nowhere"), "hosts")
        assert ran.status == 2
        assert "is not a folder" in ran.err

    def test_version(self, tmp_path: Path) -> None:
        ran = orchestrator(tmp_path, "--version")
        assert (ran.status, ran.out.split()[0]) == (0, "orchestrator")

    def test_help_imports_nothing_heavy(self) -> None:
        program = (
            "import sys; sys.argv = ['orchestrator', '--help']\n"
            "from orchestrator.cli import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "heavy = {'asyncssh', 'pydantic', 'telegram', 'yaml', 'babel', 'rich', 'sqlite3'} & set(sys.modules)\n"
            "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
        )
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_partial_output_of_a_timeout_is_shown_as_such(fleet: DemoFleet) -> None:
    ran = orchestrator(fleet.home, "exec", "web", "--timeout", "1", "--", "echo so far; sleep 60")
    assert ran.status == 4
    assert "── ⚠ web[1-2] (2)\nso far\n" in ran.out
    assert "2 timeout (web[1-2])" in ran.err


def test_cut_output_is_said_beside_the_output(fleet: DemoFleet) -> None:
    ran = orchestrator(fleet.home, "exec", "web1", "--", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert ran.status == 0
    assert "web1: output cut, 3,000,000 bytes were sent" in ran.err


def test_nothing_to_run_is_a_usage_error(fleet: DemoFleet) -> None:
    for nothing in ("", "  "):
        ran = orchestrator(fleet.home, "exec", "web1", "--", nothing)
        assert (ran.status, "no command to run" in ran.err) == (2, True)


def test_without_a_verb_there_is_help(tmp_path: Path) -> None:
    for argv in ((), ("keys",)):
        ran = orchestrator(tmp_path, *argv)
        assert ran.status == 2
        assert ran.err.startswith("Usage: ")


def test_this_machine_needs_no_host_key(fleet: DemoFleet) -> None:
    ran = orchestrator(fleet.home, "keys", "trust", "Server")
    assert (ran.status, "needs no key" in ran.err) == (2, True)
