"""Judged by ansible-playbook: --list-tasks, --list-tags and what the tags choose."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.load import Loader, listing
from tests.inventory.oracle import clean_environment

_ANSIBLE = str(Path(sys.executable).parent / "ansible-playbook")
_FILES = {
    "site.yml": """
- name: First
  hosts: all
  tags: play
  pre_tasks:
    - debug: {msg: a}
      tags: [pre, "a,b"]
  roles:
    - web
    - {role: db, tags: data}
  tasks:
    - name: never comes
      debug: {msg: b}
      tags: never
    - name: sometimes
      debug: {msg: b}
      tags: [never, sometimes]
    - name: always comes
      debug: {msg: c}
      tags: always
    - import_tasks: part.yml
      tags: [part]
    - include_tasks: part.yml
      tags: dynamic
    - block:
        - name: in a block
          debug: {msg: d}
      tags: block
- hosts: web:&prod
  tasks:
    - command: uptime
    - ansible.builtin.command: uptime
      tags: full
""",
    "part.yml": "- name: imported\n  debug: {msg: e}\n- import_role: {name: db, tasks_from: more}\n  tags: role\n",
    "roles/web/tasks/main.yml": "- name: serve\n  debug: {msg: f}\n  tags: [serve, always]\n- meta: noop\n",
    "roles/web/meta/main.yml": "dependencies: [{role: db, tags: depend}]\n",
    "roles/db/tasks/main.yml": "- name: store\n  debug: {msg: g}\n",
    "roles/db/tasks/more.yml": "- name: more\n  debug: {msg: h}\n  tags: [untagged]\n",
}
_CHOICES: tuple[tuple[list[str], list[str]], ...] = (
    ([], []),
    (["all"], ["block", "part"]),
    (["tagged"], ["untagged"]),
    (["untagged", "sometimes"], ["serve"]),
    (["data", "dynamic"], ["all"]),
    (["never", "full"], ["tagged"]),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("listing")
    for name, content in _FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(("tags", "skip"), _CHOICES)
def test_lists_the_tasks_that_ansible_lists(folder: Path, tags: list[str], skip: list[str]) -> None:
    options = [f"--tags={','.join(tags)}"] if tags else []
    options += [f"--skip-tags={','.join(skip)}"] if skip else []

    theirs = _plays(_ansible(folder, "--list-tasks", *options))

    assert [{**play, "all": []} for play in _ours(folder, tags, skip)] == theirs


def test_lists_the_tags_that_ansible_lists(folder: Path) -> None:
    # Without a choice Ansible shows those of tasks that never run, too.
    theirs = _plays(_ansible(folder, "--list-tags"))

    assert [{**play, "tasks": []} for play in _ours(folder, ["all", "never"], [])] == theirs


def _ansible(folder: Path, *options: str) -> str:
    command = [_ANSIBLE, "-i", "h,", *options, "site.yml"]
    return subprocess.run(
        command, cwd=folder, env=clean_environment(folder), capture_output=True, text=True, check=True
    ).stdout


def _ours(folder: Path, tags: list[str], skip: list[str]) -> list[dict[str, Any]]:
    playbook = Loader(base=folder).playbook(folder / "site.yml")
    return [
        {
            "name": play.name,
            "pattern": play.pattern,
            "tags": list(play.tags),
            "tasks": [(task.name, list(task.tags)) for task in play.tasks],
            "all": list(play.task_tags),
        }
        for play in listing(playbook, tags, skip)
    ]


def _plays(said: str) -> list[dict[str, Any]]:
    plays: list[dict[str, Any]] = []
    for line in said.splitlines():
        if play := re.match(r"  play #\d+ \((.*)\): (.*)\tTAGS: \[(.*)\]", line):
            tags = sorted(filter(None, play[3].split(",")))
            plays.append({"name": play[2], "pattern": play[1], "tags": tags, "tasks": [], "all": []})
        elif every := re.match(r"      TASK TAGS: \[(.*)\]", line):
            plays[-1]["all"] = [tag for tag in every[1].split(", ") if tag]
        elif task := re.match(r"      (.*)\tTAGS: \[(.*)\]", line):
            name = task[1].replace("ansible.builtin.", "")
            plays[-1]["tasks"].append((name, [tag for tag in task[2].split(", ") if tag]))
    return plays
