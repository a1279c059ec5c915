"""What the outcome of a task leaves behind in variables: registered results, facts, what failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.model import Host
from orchestrator.playbook.engine.done import Done
from orchestrator.playbook.engine.roster import Roster
from orchestrator.playbook.engine.variables import Variables
from orchestrator.playbook.model import Task

_SET_FACT = "ansible.builtin.set_fact"
_INCLUDE_VARS = "ansible.builtin.include_vars"
_DEBUG = "ansible.builtin.debug"
PLAIN_FACTS = frozenset((_SET_FACT, _INCLUDE_VARS))
"""Modules whose facts are variables as they stand: an operator wrote them, no host told them."""


class Learning:
    """Writes into `variables` what tasks of `batch` found."""

    def __init__(self, variables: Variables, batch: HostSet, roster: Roster) -> None:
        self._variables = variables
        self._batch = batch
        self._roster = roster

    def take(self, for_all: bool, host: Host, task: Task, done: Done) -> None:
        """Keep what `done` brought for `host`; `for_all` of the batch when the task ran once in their name."""
        hosts = [h for h in self._batch if h.name not in self._roster.unreachable] if for_all else [host]
        if not done.result.get("failed") and not done.result.get("unreachable") and task.module != _DEBUG:
            for one in done.items or (done,):
                facts = one.result.get("ansible_facts")
                if isinstance(facts, dict):
                    self._facts([one.facts_to] if one.facts_to else hosts, task.module, facts, one.cacheable)
        if task.register:
            for each in hosts:
                self._variables.register(each, {task.register: done.result})

    def failed(self, host: Host, task: Task, done: Done) -> None:
        """What ``rescue`` gets to know of the failure."""
        about = {
            "name": str(task.name),
            "action": task.module.rpartition(".")[2],
            "args": _plain(task.arguments),
            "register": task.register,
        }
        self._variables.register(host, {"ansible_failed_task": about, "ansible_failed_result": done.result})

    def _facts(self, hosts: Iterable[Host], module: str, facts: dict[str, Any], cacheable: bool) -> None:
        for host in hosts:
            if module == _INCLUDE_VARS:
                self._variables.include(host, facts)
                continue
            if module == _SET_FACT:
                self._variables.register(host, facts)
            if module != _SET_FACT or cacheable:
                self._variables.learn(host, facts)


def _plain(value: Any) -> Any:
    """`value` with text that is no template any more: what failed is told as it was written."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return {str(key): _plain(item) for key, item in value.items()} if hasattr(value, "items") else value
