"""``orchestrator play`` on real SSH hosts: what it prints, what it ends with, what it refuses before anything runs."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.cli.playscreen import PlayScreen
from orchestrator.demo import DemoFleet
from orchestrator.playbook.events import Diff, HostDone, Outcome, TaskEnded, TaskResult, TaskStarted
from orchestrator.playbook.story import Story
from orchestrator.playbook.text import NOWHERE
from tests.cli.command import Ran, environment, orchestrator

CASES = """\
- name: Application
  hosts: web
  gather_facts: false
  vars: {{word: hello}}
  tasks:
    - name: folder
      ansible.builtin.file: {{path: "{there}/{{{{ inventory_hostname }}}}", state: directory, mode: "0755"}}
      tags: base
    - name: file
      ansible.builtin.copy:
        content: "{{{{ word }}}}\\n"
        dest: "{there}/{{{{ inventory_hostname }}}}/conf"
      notify: restart
    - name: say
      ansible.builtin.debug:
        msg: "{{{{ word }}}} from all"
  handlers:
    - name: restart
      ansible.builtin.command: "true"
"""


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def deploy(tmp_path: Path, there: Path) -> Path:
    path = tmp_path / "deploy.yml"
    path.write_text(CASES.format(there=there))
    return path


def play(fleet: DemoFleet, *words: str | Path, stdin: str = "") -> Ran:
    return orchestrator(fleet.home, "play", *map(str, words), stdin=stdin)


def written(tmp_path: Path, tasks: str, hosts: str = "web1") -> Path:
    path = tmp_path / "tasks.yml"
    path.write_text(f"- hosts: {hosts}\n  gather_facts: false\n  tasks:\n{tasks}")
    return path


def test_a_run_reads_well_and_the_second_changes_nothing(fleet: DemoFleet, deploy: Path, there: Path) -> None:
    ran = play(fleet, deploy, "--diff")
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert lines[0] == "PLAY Application · 2 hosts: web[1-2]"
    assert any(line.startswith("  ± folder  2 changed") for line in lines)
    assert "        +hello" in lines
    assert "      web[1-2]: hello from all" in lines
    assert "  ± handler: restart  2 changed" in lines
    assert [line.split() for line in lines[-2:]] == [
        ["web1", "ok=4", "changed=3", "unreachable=0", "failed=0"],
        ["web2", "ok=4", "changed=3", "unreachable=0", "failed=0"],
    ]
    assert (there / "web1" / "conf").read_text() == "hello\n"
    assert "changed=0" in play(fleet, deploy).out.splitlines()[-1]


def test_json_has_the_promised_keys_and_nothing_else_on_stdout(fleet: DemoFleet, deploy: Path) -> None:
    ran = play(fleet, deploy, "--json", "--diff")
    assert set(ran.json) >= {"hosts", "tasks"}
    counts = {"ok", "changed", "failed", "skipped", "unreachable", "rescued", "ignored"}
    assert set(ran.json["hosts"]["web1"]) == counts
    task = ran.json["tasks"][1]
    assert (task["name"], task["module"]) == ("file", "ansible.builtin.copy")
    assert task["hosts"]["web1"]["result"]["dest"].endswith("/web1/conf")
    assert "hello" in task["hosts"]["web2"]["diff"][0]["after"]


def test_check_predicts_and_changes_nothing(fleet: DemoFleet, deploy: Path, there: Path) -> None:
    ran = play(fleet, deploy, "--check")
    assert ran.status == 0
    assert "(check mode: nothing is changed)" in ran.out
    assert ran.out.splitlines()[-1].split()[2] == "changed=2"
    assert list(there.iterdir()) == []


def test_limit_tags_and_variables(fleet: DemoFleet, deploy: Path, there: Path) -> None:
    assert play(fleet, deploy, "--tags", "base", "--limit", "web2").status == 0
    assert [path.name for path in there.iterdir()] == ["web2"]
    assert list((there / "web2").iterdir()) == []
    assert play(fleet, deploy, "-l", "web2", "-e", "word=other").status == 0
    assert (there / "web2" / "conf").read_text() == "other\n"


def test_lists_touch_no_host(fleet: DemoFleet, deploy: Path, there: Path) -> None:
    ran = play(fleet, deploy, "--list-hosts", "--list-tasks", "--list-tags")
    assert ran.status == 0
    for line in ("    hosts (2):", "      web1", "      folder  [base]", "      file", "    tags: base"):
        assert line in ran.out.splitlines()
    assert play(fleet, deploy, "--syntax-check").status == 0
    assert list(there.iterdir()) == []


def test_a_failure_takes_out_its_host_only(fleet: DemoFleet, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "    - name: breaks\n      shell: 'echo out; echo err >&2; exit 3'\n      when: inventory_hostname == 'web1'\n"
        "    - name: goes on\n      debug: {msg: here}\n",
        "web",
    )
    ran = play(fleet, path)
    assert ran.status == 1
    assert "\n  ✖ breaks  1 failed web1  1 skipped" in ran.out, "how long it took follows where that is worth saying"
    assert "      web2: here" in ran.out.splitlines()


def test_a_host_that_is_not_reached_is_its_own_state(fleet: DemoFleet, tmp_path: Path) -> None:
    path = written(tmp_path, "    - ping:\n", "all")
    home = tmp_path / "home"
    (home / "inventory").mkdir(parents=True)
    (home / "keys").symlink_to(fleet.home / "keys")
    text = (fleet.home / "inventory" / "hosts.yml").read_text()
    (home / "inventory" / "hosts.yml").write_text(text)
    (home / "inventory" / "more.yml").write_text("all:\n  hosts:\n    gone: {address: 127.0.0.99, port: 1}\n")
    ran = orchestrator(home, "play", str(path))
    assert ran.status == 4
    assert "1 unreachable gone" in ran.out
    assert "      gone: connection refused" in ran.out.splitlines()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- hosts: web\n  tasks:\n    - coppy: {src: a}\n", 3, "copy"),
        ("- hosts: web\n  taskss: []\n", 2, "tasks"),
        ("- hosts: web\n  tasks:\n    - copy: {dst: /x, content: a}\n", 3, "dest"),
        ("- hosts: web\n  tasks:\n    - debug: {msg: '{{ x | nosuch }}'}\n", 3, "nosuch"),
        ("- hosts: web\n  tasks:\n    - command: x\n      async: 10\n", 4, "async"),
        ("- hosts: web\n\ttasks: []\n", 2, "tab"),
        ("- hosts: [\n", 2, ""),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    fleet: DemoFleet, tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text(text)
    ran = play(fleet, path)
    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert f"wrong.yml:{line}:" in ran.err
    assert said in ran.err


def test_an_unknown_name_gets_a_hint(fleet: DemoFleet) -> None:
    (fleet.home / "playbooks").mkdir(exist_ok=True)
    (fleet.home / "playbooks" / "deploy.yml").write_text("- hosts: web\n  tasks: []\n")
    ran = play(fleet, "delpoy")
    assert ran.status == 2
    assert "Did you mean deploy?" in ran.err
    assert play(fleet, "deploy", "--syntax-check").status == 0


def test_a_host_cannot_draw_on_the_terminal_nor_be_taken_for_a_template(fleet: DemoFleet, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "    - command: \"printf '\\\\033[2Jxx\\\\n{{ '{{' }} 7*6 }}\\\\nRECAP\\\\n'\"\n      register: said\n"
        "    - debug: {msg: '{{ said.stdout }}'}\n    - assert: {that: said.stdout is search('7\\*6'), quiet: true}\n",
    )
    ran = play(fleet, path)
    assert ran.status == 0, ran.out + ran.err
    assert "\x1b" not in ran.out
    assert "7*6" in ran.out
    assert "42" not in ran.out
    assert [line for line in ran.out.splitlines() if line.startswith("RECAP")] == ["RECAP"]


def test_secrets_of_a_vault_are_seen_nowhere(fleet: DemoFleet, tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    password = tmp_path / "password"
    password.write_text("pw\n")
    password.chmod(0o600)
    vaulted = tmp_path / "vars.yml"
    vaulted.write_text(f"token: {secret}\n")
    subprocess.run(
        [Path(sys.executable).with_name("ansible-vault"), "encrypt", "--vault-password-file", password, vaulted],
        check=True,
        capture_output=True,
    )
    there = tmp_path / "token"
    path = tmp_path / "secret.yml"
    path.write_text(
        f"- hosts: web1\n  gather_facts: false\n  vars_files: [{vaulted}]\n  tasks:\n"
        f"    - copy: {{content: '{{{{ token }}}}', dest: {there}, mode: '0600'}}\n"
        "    - debug: {msg: 'it is {{ token }}'}\n    - fail: {msg: 'because of {{ token }}'}\n"
    )
    for more in (["--diff", "-v"], ["--json", "--diff"]):
        there.unlink(missing_ok=True)
        ran = play(fleet, path, "--vault-password-file", password, *more)
        assert ran.status == 1
        assert secret not in ran.out + ran.err
        assert "********" in ran.out
        assert there.read_text() == secret
    database = fleet.home / "state" / "orchestrator.db"
    with sqlite3.connect(database) as connection:
        assert secret not in "\n".join(connection.iterdump())
    password.write_text("another\n")
    ran = play(fleet, path, "--vault-password-file", password)
    assert (ran.status, ran.out) == (2, "")
    assert "no vault password fits" in ran.err
    assert "no password was given" in play(fleet, path).err


def test_a_password_that_nobody_can_type_is_asked_for_otherwise(fleet: DemoFleet, tmp_path: Path) -> None:
    path = written(tmp_path, "    - ping:\n")
    for option, remedy in (("-K", "--become-password-file"), ("--ask-vault-password", "--vault-password-file")):
        ran = play(fleet, path, option)
        assert ran.status == 3
        assert remedy in ran.err


def test_an_interrupt_stops_the_hosts_and_says_what_ran(fleet: DemoFleet, tmp_path: Path) -> None:
    mark = "61.4242"
    path = written(tmp_path, f"    - name: sleeps\n      command: sleep {mark}\n    - ping:\n", "web")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "play", str(path)],
        env=environment(fleet.home), stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    deadline = time.monotonic() + 30
    while subprocess.run(["pgrep", "-cf", f"sleep {mark}"], capture_output=True, text=True, check=False).stdout < "2":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 130
    assert "stopped on request" in out
    assert "web[1-2]" in out
    left = subprocess.run(["pgrep", "-f", f"sleep {mark}"], capture_output=True, check=False)
    assert left.returncode == 1
    with sqlite3.connect(fleet.home / "state" / "orchestrator.db") as database:
        last = database.execute("SELECT * FROM audit ORDER BY 1 DESC LIMIT 1").fetchone()
    assert any("stopped" in str(field) for field in last)


def test_outputs_of_tasks_that_were_printed_do_not_pile_up() -> None:
    story = Story()
    screen = PlayScreen(story)
    result = TaskResult("web1", Outcome.CHANGED, {"stdout": "much"}, diffs=(Diff("a", "b"),))
    for event in (TaskStarted(1, "look", "command", ("web1",), NOWHERE), HostDone(1, result), TaskEnded(1, 0.1)):
        story.tell(event)
        screen.tell(event)
    kept = story.tasks[0].results["web1"]
    assert (kept.outcome, kept.result, kept.diffs) == (Outcome.CHANGED, {}, ())


def test_a_slip_in_hosts_is_no_success(fleet: DemoFleet, tmp_path: Path) -> None:
    path = tmp_path / "slip.yml"
    path.write_text("- hosts: webb\n  tasks:\n    - ping:\n")
    ran = play(fleet, path)
    assert (ran.status, ran.out) == (2, "")
    assert "slip.yml:1: webb is not in the inventory. Did you mean web" in ran.err
    path.write_text("- hosts: webb\n  tasks:\n    - ping:\n- hosts: web1\n  tasks:\n    - ping:\n")
    ran = play(fleet, path)
    assert ran.status == 0
    assert "slip.yml:1: webb is not in the inventory" in ran.err


def test_the_password_of_the_vault_may_be_a_setting(fleet: DemoFleet, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("pw\n")
    password.chmod(0o600)
    path = tmp_path / "vaulted.yml"
    path.write_text("- hosts: web1\n  gather_facts: false\n  tasks:\n    - ping:\n")
    vault = [
        str(Path(sys.executable).with_name("ansible-vault")),
        "encrypt",
        "--vault-password-file",
        str(password),
        str(path),
    ]
    subprocess.run(vault, check=True, capture_output=True)
    assert "VAULT_PASSWORD_FILE" in play(fleet, path).err
    assert orchestrator(fleet.home, "play", str(path), VAULT_PASSWORD_FILE=str(password)).status == 0
