"""Files of the control node that tasks name: are they there, and can their templates be rendered?"""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import OrchestratorError, PlaybookError, Unsupported
from orchestrator.inventory.files import decode, read_bytes
from orchestrator.playbook.load.files import find
from orchestrator.playbook.load.scope import Scope
from orchestrator.playbook.load.values import is_template, nearest
from orchestrator.playbook.model import Task
from orchestrator.playbook.templating.check import check_file
from orchestrator.playbook.text import Text

_KINDS = {"copy": "files", "template": "templates", "unarchive": "files"}
# What makes the source something else than a file here, or not a template of the usual kind.
_ELSEWHERE = ("content", "copy", "remote_src", "block_start_string", "variable_start_string", "comment_start_string")


def check_source(task: Task, scope: Scope) -> None:
    """Raise PlaybookError if the file that `task` names is missing and the task would certainly fail, Unsupported if
    it is a template that can not be rendered here."""
    kind = _KINDS.get(task.module.removeprefix("ansible.builtin."))
    name = task.arguments.get("src") if kind else None
    if kind is None or not isinstance(name, Text) or not name or is_template(name) or "://" in name:
        return
    if any(key in task.arguments for key in _ELSEWHERE):
        return
    path = find(kind, name, task.search)
    if path is None:
        # Something that ran here before might have made it.
        if scope.surely_does(task) and not scope.gathered.local:
            raise _missing(kind, name, task)
    elif kind == "templates" and path.is_file():
        _check_template(path)


def _missing(kind: str, name: Text, task: Task) -> PlaybookError:
    folders = [folder / kind for folder in task.search] + list(task.search)
    there = [entry.name for folder in folders if folder.is_dir() for entry in folder.iterdir()]
    near = nearest(name, there)
    return PlaybookError(f"the file {name} was not found{near}", where=str(name.at), remedy=f"Put it into {kind}/.")


def _check_template(path: Path) -> None:
    try:
        text = decode(read_bytes(path, path.name), path.name)
    except OrchestratorError:
        return  # Vaulted by another encoding, or not to be read: the module says it better.
    if not text.startswith(("$ANSIBLE_VAULT", "#jinja2:")):
        for fault in check_file(text, str(path)):
            raise Unsupported(fault.msg, where=fault.where)
