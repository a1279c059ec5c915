"""Hosts that cannot be reached, modules with a bug, answers that mean harm: each is its own host's affair."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from orchestrator.errors import UnknownHost, UsageError
from orchestrator.playbook.events import Counts, Outcome
from orchestrator.playbook.modules import Result
from orchestrator.playbook.modules.debug import Debug
from orchestrator.playbook.options import Options
from tests.playbook.run.play import Stage
from tests.sshd import free_port

_WITH_ONE_DOWN = """
all:
  hosts:
    one: {{number: 1, ansible_connection: local}}
    down: {{number: 2, ansible_host: 127.0.0.1, ansible_port: {port}}}
    three: {{number: 3, ansible_connection: local}}
"""


@pytest.fixture
def one_down(stage: Stage) -> Stage:
    stage.inventory = _WITH_ONE_DOWN.format(port=free_port("127.0.0.1"))
    return stage


async def test_an_unreachable_host_is_out_and_others_go_on(one_down: Stage) -> None:
    ended = await one_down.play(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - name: first
              command: "true"
            - name: second
              debug: {msg: "{{ ansible_play_hosts }}"}
        - hosts: all
          gather_facts: false
          tasks:
            - name: third
              command: "true"
        """
    )
    assert one_down.results("first")["down"].outcome is Outcome.UNREACHABLE
    assert "connection refused" in one_down.results("first")["down"].message
    assert not one_down.results("first")["down"].may_have_run
    assert one_down.results("second")["one"].result["msg"] == ["one", "three"]
    assert set(one_down.results("third")) == {"one", "three"}
    assert ended.recap["down"] == Counts(unreachable=1)
    assert ended.recap["one"] == Counts(ok=3, changed=2)


async def test_unreachable_is_not_rescued_but_can_be_ignored(one_down: Stage) -> None:
    ended = await one_down.play(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - name: ignored
              command: "true"
              ignore_unreachable: true
            - block:
                - name: lost
                  command: "true"
              rescue:
                - name: rescue
                  debug: {msg: x}
        """
    )
    assert one_down.results("ignored")["down"].ignored
    assert one_down.results("rescue") == {}
    assert ended.recap["down"] == Counts(ok=1, ignored=1, unreachable=1)


async def test_delegating_to_an_unreachable_host_is_the_hosts_own_trouble(one_down: Stage) -> None:
    ended = await one_down.play(
        """
        - hosts: one
          gather_facts: false
          tasks:
            - name: there
              command: "true"
              delegate_to: down
        """
    )
    assert one_down.results("there")["one"].delegated_to == "down"
    assert ended.recap["one"] == Counts(unreachable=1)


async def test_a_bug_of_a_module_is_one_hosts_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = Debug.run

    async def run(self: Debug, arguments: Any, target: Any) -> Result:
        if target.host == "two":
            raise ZeroDivisionError("secret inner workings")
        return await original(self, arguments, target)

    monkeypatch.setattr(Debug, "run", run)
    with caplog.at_level(logging.ERROR):
        ended = await stage.play("- {hosts: all, gather_facts: false, tasks: [{name: say, debug: {msg: x}}]}")
    result = stage.results("say")["two"]
    assert result.message == "internal error (ZeroDivisionError) in ansible.builtin.debug, see the log"
    assert "secret inner workings" in caplog.text
    assert ended.recap["two"].failed == 1
    assert ended.recap["one"].ok == 1


async def test_what_a_host_answers_is_never_a_template(stage: Stage) -> None:
    await stage.play(
        """
        - hosts: one
          gather_facts: false
          tasks:
            - name: answer
              command: printf '%s' '{% raw %}{{ lookup("pipe", "id") }}{% endraw %}'
              register: answer
            - name: fact
              set_fact: {kept: {deep: ["{{ answer.stdout }}"]}}
            - name: used
              debug: {msg: "{{ kept.deep[0] }} {{ hostvars.one.answer.stdout }} {{ kept }}"}
            - name: looped
              debug: {msg: "{{ item }}"}
              loop: "{{ [answer.stdout] }}"
            - name: as a condition
              debug: {msg: x}
              when: "{{ answer.stdout }}"
              ignore_errors: true
            - name: as an assertion
              assert: {that: "{{ [answer.stdout] }}"}
              ignore_errors: true
            - name: as a variable
              debug: {var: "{{ answer.stdout }}"}
              ignore_errors: true
        """
    )
    hostile = '{{ lookup("pipe", "id") }}'
    assert stage.results("used")["one"].result["msg"].startswith(f"{hostile} {hostile}")
    assert stage.results("looped")["one"].result["results"][0]["msg"] == hostile
    for name in ("as a condition", "as an assertion", "as a variable"):
        assert stage.results(name)["one"].outcome is Outcome.FAILED, name
    assert "uid=" not in str(stage.events)


async def test_secrets_are_masked_everywhere(stage: Stage) -> None:
    stage.secrets.add("hunter2hunter2")
    await stage.play(
        """
        - name: play of hunter2hunter2
          hosts: one
          gather_facts: false
          tasks:
            - name: say hunter2hunter2
              debug: {msg: "it is {{ secret }}"}
            - name: run
              command: echo {{ secret }}
            - name: loop
              command: echo {{ item }}
              loop: ["{{ secret }}"]
            - name: fail
              fail: {msg: "{{ secret }}"}
        """,
        options=Options(extra_vars={"secret": "hunter2hunter2"}),
    )
    assert "hunter2hunter2" not in str(stage.events)
    assert "********" in str(stage.events)


@pytest.mark.parametrize(
    ("keyword", "why"),
    [("failed_when: true", "failed_when holds"), ("until: false, retries: 1, delay: 0", "until never held")],
)
async def test_a_task_that_fails_by_its_own_keywords_says_so(stage: Stage, keyword: str, why: str) -> None:
    await stage.play(f"""
    - hosts: one
      gather_facts: false
      tasks:
        - {{name: look, command: "true", {keyword}}}
    """)
    result = stage.results("look")["one"]
    assert (result.outcome, result.message) == (Outcome.FAILED, why)


@pytest.mark.parametrize(
    "task",
    [
        "shell: echo $check $chdir $executable $path $count",
        "command: {argv: [sh, -c, echo $check $chdir $executable $path $count], expand_argument_vars: false}",
        "script: said.sh",
    ],
)
async def test_an_environment_may_use_the_names_of_our_own_variables(stage: Stage, task: str) -> None:
    (stage.folder / "said.sh").write_text("#!/bin/sh\necho $check $chdir $executable $path $count\n")
    await stage.play(f"""
    - hosts: one
      gather_facts: false
      tasks:
        - name: say
          {task}
          environment: {{check: a, chdir: b, executable: c, path: d, count: e}}
    """)
    assert stage.results("say")["one"].result["stdout"].strip() == "a b c d e"


async def test_an_unknown_handler_is_a_failure(stage: Stage) -> None:
    ended = await stage.play(
        """
        - hosts: one
          gather_facts: false
          vars: {name_of_it: nobody}
          tasks:
            - name: change
              command: "true"
              notify: "{{ name_of_it }}"
        """
    )
    assert "there is no handler 'nobody'" in stage.results("change")["one"].message
    assert ended.recap["one"] == Counts(failed=1)


async def test_a_limit_that_means_nobody_is_refused(stage: Stage) -> None:
    playbook = "- {hosts: all, gather_facts: false, tasks: [{debug: {msg: x}}]}"
    with pytest.raises(UnknownHost):
        await stage.play(playbook, options=Options(limit="nobody"))


async def test_a_serial_that_is_no_number_is_refused(stage: Stage) -> None:
    playbook = (
        "- {hosts: all, gather_facts: false, serial: '{{ some }}', vars: {some: few}, tasks: [{debug: {msg: x}}]}"
    )
    with pytest.raises(UsageError, match="serial: 'few' is neither a number nor a percentage"):
        await stage.play(playbook)


async def test_a_run_once_that_cannot_be_told_runs_nowhere(stage: Stage) -> None:
    ended = await stage.play(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - name: once
              command: "true"
              run_once: "{{ nothing }}"
        """
    )
    assert {result.outcome for result in stage.results("once").values()} == {Outcome.FAILED}
    assert "'nothing' is undefined" in stage.results("once")["one"].message
    assert all(counts == Counts(failed=1) for counts in ended.recap.values())


async def test_a_file_of_variables_that_one_host_lacks_is_its_own_failure(stage: Stage) -> None:
    (stage.folder / "of_one.yml").write_text("known: of one")
    (stage.folder / "of_two.yml").write_text("known: of two")
    ended = await stage.play(
        """
        - hosts: all
          gather_facts: false
          vars_files: ["of_{{ inventory_hostname }}.yml"]
          tasks:
            - name: see
              debug: {var: known}
        """
    )
    assert stage.results("see")["two"].result["known"] == "of two"
    assert "there is no of_three.yml" in stage.results("see")["three"].message
    assert ended.recap["three"] == Counts(failed=1)


@pytest.mark.parametrize("task", ["debug: {msg: '{{ hushhush_1 }}'}", "debug: {msg: x}\n      when: hushhush_1 == 1"])
async def test_errors_of_hidden_tasks_are_hidden(stage: Stage, task: str) -> None:
    await stage.play(
        f"""
- hosts: one
  gather_facts: false
  tasks:
    - name: hidden
      {task}
      no_log: true
"""
    )
    assert stage.results("hidden")["one"].outcome is Outcome.FAILED
    assert "hushhush_1" not in str(stage.results("hidden"))


async def test_the_log_of_a_bug_is_masked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(self: Debug, arguments: Any, target: Any) -> Result:  # noqa: ARG001  as it is called
        raise ValueError(f"odd: {arguments.msg}")

    monkeypatch.setattr(Debug, "run", run)
    stage.secrets.add("hunter2hunter2")
    await stage.play("- {hosts: one, gather_facts: false, tasks: [{name: say, debug: {msg: hunter2hunter2}}]}")
    assert "odd: ********" in caplog.text
    assert "hunter2hunter2" not in caplog.text


async def test_what_is_not_reached_any_more_is_said(stage: Stage) -> None:
    ended = await stage.play(
        """
        - hosts: all
          gather_facts: false
          any_errors_fatal: true
          tasks:
            - name: bad
              fail: {msg: x}
              when: number == 1
            - name: never
              debug: {msg: x}
        """
    )
    assert stage.started == ["bad"]
    assert ended.aborted == "the task at play.yml:6 went wrong, which ends the play for all its hosts"
    assert ended.recap["two"] == Counts(skipped=1)


async def test_localhost_is_there_without_the_inventory(stage: Stage) -> None:
    ended = await stage.play(
        """
        - hosts: localhost
          gather_facts: false
          tasks:
            - set_fact: {known: here}
        - hosts: one
          gather_facts: false
          tasks:
            - name: see
              debug: {msg: "{{ hostvars.localhost.known }} {{ hostvars | list }}"}
        """,
        options=Options(limit="localhost,one"),
    )
    assert stage.results("see")["one"].result["msg"] == "here ['one', 'two', 'three']"
    assert ended.recap["localhost"] == Counts(ok=1)
