"""Judged by Ansible: generated playbooks are accepted alike, their tasks come to the same keywords and variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.playbook.load import Loader
from orchestrator.playbook.model import Block, Keywords, Play, Playbook, Step, Task
from tests.playbook.load.generate import Generator
from tests.playbook.load.oracle import LISTS, Oracle


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    judge = Oracle(tmp_path_factory.mktemp("home"))
    yield judge
    judge.close()


@pytest.mark.parametrize("seed", range(100))
def test_agrees_with_ansible(seed: int, tmp_path: Path, oracle: Oracle) -> None:
    path = Generator(seed).write(tmp_path)
    answer = oracle.ask(path)
    playbook = _load(path, answer)
    if playbook is None:
        return
    assert "error" not in answer, answer["error"]
    for play, told in zip(playbook.plays, answer["plays"], strict=True):
        ours, theirs = _play(play), _normal(told)
        for mine, other, handler in zip(ours["handlers"], theirs["handlers"], play.handlers, strict=True):
            if handler.role and handler.role.parent:
                # Ansible forgets what stands on the outer import_role for handlers of a role imported by a role.
                _forget(mine)
                _forget(other)
        assert ours == theirs


def _load(path: Path, answer: dict[str, Any]) -> Playbook | None:
    """The playbook, or None if it is refused and should be."""
    try:
        return Loader(base=path.parent).playbook(path)
    except PlaybookError as error:
        if "error" not in answer and not isinstance(error, Unsupported) and not _stricter(error, answer, path.parent):
            raise
        return None


def _forget(handler: dict[str, Any]) -> None:
    handler |= {name: None for name in handler if name not in _KEPT} | {"tags": []}


def _stricter(error: PlaybookError, answer: dict[str, Any], folder: Path) -> bool:
    """Whether we are right to refuse what Ansible lets pass, or would find only when it comes to an include."""
    tasks = [task for play in answer["plays"] for task in (*play["tasks"], *play["handlers"])]
    read = {task["file"] for task in tasks}
    return "loops once" in error.what or str(folder / error.where.rpartition(":")[0]) not in read


def _play(play: Play) -> dict[str, Any]:
    return {
        "name": play.name,
        "tags": sorted(play.keywords.tags),
        "vars": dict(play.vars),
        "tasks": [_task(task, way) for task, way in _tasks(play.steps, "block")],
        "handlers": [_task(task, "block") for task in play.handlers],
        "roles": [role.name for role in play.roles],
    }


def _tasks(steps: tuple[Step, ...], way: str) -> Iterator[tuple[Task, str]]:
    for step in steps:
        if isinstance(step, Block):
            for part in ("block", "rescue", "always"):
                yield from _tasks(getattr(step, part), f"{way}/{part}")
        else:
            yield step, way


def _task(task: Task, way: str) -> dict[str, Any]:
    keywords, role = task.keywords, task.role
    told: dict[str, Any] = {
        "way": way.replace("/block", ""),
        "action": task.module.removeprefix("ansible.builtin."),
        "name": task.name,
        "args": _arguments(task),
        "tags": sorted(keywords.tags),
        "implicit": task.implicit,
        "role": role.name if role else None,
    }
    if task.implicit:
        return told
    return {
        **told,
        **_flags(keywords),
        "become_user": keywords.become.user,
        "become_method": keywords.become.method,
        "delegate_to": keywords.delegate_to,
        "timeout": keywords.timeout or 0,
        "register": task.register,
        "retries": task.retries,
        "when": _list(keywords.when),
        "environment": _list(keywords.environment),
        "until": _list(task.until),
        "changed_when": _list(task.changed_when),
        "failed_when": _list(task.failed_when),
        "notify": list(task.notify),
        "listen": _listen(task),
        "vars": dict(keywords.vars),
        "params": dict(task.params),
        "loop": [task.loop.lookup, task.loop.items] if task.loop else None,
        "search": [str(folder) for folder in task.search],
        "role_vars": dict(role.vars) if role else {},
        "role_defaults": dict(role.defaults) if role else {},
        "role_params": dict(role.params) if role else {},
    }


def _flags(keywords: Keywords) -> dict[str, Any]:
    names = ("ignore_errors", "ignore_unreachable", "any_errors_fatal", "run_once", "no_log", "delegate_facts")
    return {"become": keywords.become.become or False} | {name: getattr(keywords, name) or False for name in names}


def _arguments(task: Task) -> dict[str, Any]:
    arguments = dict(task.arguments)
    if task.free_form is not None:
        arguments = {key: value for key, value in arguments.items() if value is not task.free_form}
        if task.module != "ansible.builtin.include_role":
            arguments["_raw_params"] = task.free_form
    return arguments


def _list(values: Any) -> list[Any]:
    """A list without repetitions: Ansible says on each level again what it inherited twice over."""
    found: list[Any] = []
    for value in values if isinstance(values, list | tuple) else [values]:
        found += [] if value in found or value is None else [value]
    return found


def _listen(task: Task) -> list[str]:
    return sorted(set(task.listen))


def _normal(theirs: dict[str, Any]) -> dict[str, Any]:
    return {
        **theirs,
        "tasks": [_task_of(t) for t in theirs["tasks"]],
        "handlers": [_task_of(t) for t in theirs["handlers"]],
    }


_KEPT = ("way", "action", "name", "args", "tags", "implicit", "role")


def _task_of(task: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(task)
    told["action"] = told["action"].removeprefix("ansible.builtin.")
    if told["action"] == "include_role":
        told["args"] = {key: value for key, value in told["args"].items() if key not in ("name", "role")}
    told["params"] = {key: value for key, value in told["params"].items() if not key.startswith("ansible_parent_")}
    # Parameters of the role come with its variables.
    told["params"] = {key: value for key, value in told["params"].items() if key not in told["role_params"]}
    del told["file"]
    for name in LISTS:
        told[name] = _list(told[name])
    if told["implicit"]:
        return {name: told[name] for name in _KEPT}
    told["listen"] = sorted(set(told["listen"]))
    return told
