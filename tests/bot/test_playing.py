"""/play on real hosts: chosen, shown, checked, run, stopped, and written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.conftest import Node
from tests.bot.person import until

DEPLOY = """\
- name: Application
  hosts: web
  gather_facts: false
  tasks:
    - name: folder
      ansible.builtin.file: {{path: "{there}/{{{{ inventory_hostname }}}}", state: directory, mode: "0755"}}
    - name: configuration
      ansible.builtin.copy:
        content: "host={{{{ inventory_hostname }}}}\\n"
        dest: "{there}/{{{{ inventory_hostname }}}}/conf"
      notify: restart
  handlers:
    - name: restart
      ansible.builtin.command: "true"
"""
BROKEN = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: look
      command: "false"
      when: inventory_hostname in ["web2", "db1"]
"""
FATAL = """\
- hosts: web1,web2
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - block:
        - name: look
          command: "false"
          when: inventory_hostname == "web1"
      rescue:
        - name: mend
          debug: msg=mended
"""
SLOW = """\
- hosts: web1
  gather_facts: false
  tasks:
    - name: sleeps
      command: sleep 60
"""


@pytest.fixture
def there(node: Node, tmp_path: Path) -> Path:
    node.playbooks.mkdir()
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    (node.playbooks / "deploy.yml").write_text(DEPLOY.format(there=there))
    (node.playbooks / "broken.yml").write_text(BROKEN)
    (node.playbooks / "fatal.yml").write_text(FATAL)
    (node.playbooks / "slow.yaml").write_text(SLOW)
    (node.playbooks / "README.md").write_text("not one\n")
    (node.playbooks / "vars.yml").write_text("# no playbook\na: 1\n")
    return there


async def test_without_a_name_it_shows_which_there_are(node: Node, there: Path) -> None:  # noqa: ARG001
    person = node.person()
    answer = await person.say("/play")
    assert answer.labels == ["broken", "deploy", "fatal", "slow"]
    await person.tap("deploy")
    assert person.last.first_line == "📜 deploy.yml · run on 3 hosts?"


async def test_an_empty_folder_says_what_playbooks_are(node: Node) -> None:
    answer = await node.person().say("/play")
    assert "playbooks/" in answer.text
    assert answer.labels == []


async def test_the_plan_shows_hosts_and_tasks_and_nothing_runs(node: Node, there: Path) -> None:
    answer = await node.person().say("/play deploy")
    assert "web[1-3]" in answer.text
    assert "2 tasks" in answer.text
    assert "Application (3)\n  folder\n  configuration" in answer.text
    assert answer.labels == ["▶ Run", "Check only", "Cancel"]
    assert all(button.personal and button.once and button.lifetime == 120 for button, _ in answer.buttons)
    assert list(there.iterdir()) == []
    assert await node.audit.latest(1) == []


async def test_running_it_edits_one_message_and_ends_with_the_recap(node: Node, there: Path) -> None:
    person = node.person()
    await person.say("/play deploy web1,web2")
    await person.tap("Run")
    answer = person.last
    assert answer.first_line.startswith("✔ deploy.yml · changed 2 hosts · ")
    assert "web[1-2]\n  ok 3  changed 3" in answer.text
    assert answer.labels == ["Again"]
    assert answer.now.silent
    assert (there / "web1" / "conf").read_text() == "host=web1\n"
    assert not (there / "web3").exists()
    document = answer.now.document
    assert document is not None
    assert "+host=web1" in document.content.decode()
    assert "handler: restart" in document.content.decode()
    intent, result = reversed(await node.audit.latest(2))
    assert intent.summary == "Run playbook deploy.yml on web[1-2]"
    assert result.outcome["hosts"]["web1"]["changed"] == 3
    await person.tap("Again")
    await person.tap("Run")
    assert person.last.first_line.startswith("✔ deploy.yml · nothing to change · ")


async def test_a_check_changes_nothing_and_leads_to_the_run(node: Node, there: Path) -> None:
    person = node.person()
    await person.say("/play deploy web1")
    await person.tap("Check only")
    assert person.last.first_line.startswith("✔ deploy.yml · check: changed 1 host · ")
    assert list(there.iterdir()) == []
    intent = (await node.audit.latest(2))[-1]
    assert intent.summary == "Check what playbook deploy.yml would change on web1"
    await person.tap("Run it …")
    assert person.last.first_line == "📜 deploy.yml · run on 1 host?"
    await person.tap("Run")
    assert (there / "web1" / "conf").exists()


async def test_problems_are_named_with_task_host_and_reason(node: Node, there: Path) -> None:  # noqa: ARG001
    person = node.person()
    await person.say("/play broken")
    await person.tap("Run")
    answer = person.last
    assert answer.first_line.startswith("⚠ broken.yml · 2 of 4 hosts with problems · ")
    assert "✖ look: web2\nbroken.yml:4\nnon-zero return code" in answer.text
    assert "⛔ look: db1\n" in answer.text
    assert "connection refused" in answer.text
    assert not answer.now.silent


async def test_a_run_that_ended_early_does_not_look_well(node: Node, there: Path) -> None:  # noqa: ARG001
    person = node.person()
    await person.say("/play fatal")
    await person.tap("Run")
    assert person.last.first_line.startswith("⚠ fatal.yml · stopped · ")
    assert "Stopped early: " in person.last.text
    assert not person.last.now.silent


async def test_it_can_be_stopped(node: Node, there: Path) -> None:  # noqa: ARG001
    person = node.person()
    await person.say("/play slow")
    button_id = next(button_id for button, button_id in person.last.buttons if "Run" in button.label)
    running = person.start_press(button_id)
    await person.sees(lambda shown: "Stop" in shown.labels and "▸ sleeps" in shown.text)
    await person.tap("Stop")
    await running
    await until(lambda: person.last.first_line.startswith("⏹ slow.yaml · stopped · "))
    result = (await node.audit.latest(1))[0]
    assert result.outcome["stopped"] is True


async def test_what_was_changed_since_it_was_shown_is_not_run(node: Node, there: Path) -> None:
    person = node.person()
    await person.say("/play deploy web1")
    with (node.playbooks / "deploy.yml").open("a") as file:
        file.write("- hosts: web1\n  tasks:\n    - command: reboot\n")
    await person.tap("Run")
    assert "deploy.yml was changed after it was shown" in person.last.text
    assert list(there.iterdir()) == []
    assert await node.audit.latest(1) == []


async def test_no_is_no(node: Node, there: Path) -> None:
    person = node.person()
    await person.say("/play deploy")
    await person.tap("Cancel")
    assert person.last.text == "⏹ Not run: deploy"
    assert list(there.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/play delpoy", "Did you mean deploy?"),
        ("/play ../../etc/passwd", "there is no playbook"),
        ("/play deploy wbe1", "wbe1 is not in the inventory"),
    ],
)
async def test_what_is_not_understood_runs_nothing(node: Node, there: Path, text: str, wanted: str) -> None:
    answer = await node.person().say(text)
    assert wanted in answer.text
    assert list(there.iterdir()) == []


async def test_a_broken_playbook_is_refused_with_its_line(node: Node, there: Path) -> None:  # noqa: ARG001
    (node.playbooks / "typo.yml").write_text("- hosts: web\n  tasks:\n    - coppy: {src: a, dest: b}\n")
    answer = await node.person().say("/play typo")
    assert "typo.yml:3" in answer.text
    assert "copy" in answer.text


async def test_a_vault_without_its_password_is_explained_in_chinese(node: Node, there: Path) -> None:  # noqa: ARG001
    playbook = node.playbooks / "secret.yml"
    inner = "\n".join(("61" * 32, "62" * 32, "63" * 32))  # salt, digest and content, of whatever
    playbook.write_text(f"$ANSIBLE_VAULT;1.1;AES256\n{inner.encode().hex()}\n")
    answer = await node.person(language="zh_TW").say("/play secret")
    assert "沒有提供密碼" in answer.text
    assert "VAULT_PASSWORD_FILE" in answer.text


async def test_the_same_in_chinese(node: Node, there: Path) -> None:  # noqa: ARG001
    person = node.person(language="zh_TW")
    await person.say("/play deploy web1")
    assert person.last.labels == ["▶ 執行", "只預演", "取消"]
    await person.tap("執行")
    assert "變更了 1 台主機" in person.last.first_line
