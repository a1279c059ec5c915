"""Ansible itself as the judge, in a process of its own: questions and answers are lines of JSON.

`python -m tests.inventory.oracle` reads ``{"folder": ..., "patterns": [[pattern, limit], ...]}`` and writes what
ansible-core makes of that inventory, until its input ends. One process answers hundreds of questions, and Ansible's
import hooks and warnings stay out of the tests'.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

# Added to every host by Ansible for plays; not what the inventory says.
_MAGIC = frozenset(
    """
    inventory_file inventory_dir inventory_hostname inventory_hostname_short group_names groups omit playbook_dir
    environment ansible_playbook_python ansible_config_file ansible_version ansible_local ansible_facts
    """.split()  # noqa: SIM905 - a column of quoted words reads worse
)


@dataclass(frozen=True)
class Answer:
    """What Ansible reads from a folder.

    `selected` holds, for each question, names of hosts, or None where Ansible refuses the pattern.
    `unordered` are the groups whose hosts Ansible lists in an order that depends on addresses in memory.
    """

    selected: list[list[str] | None]
    groups: dict[str, list[str]]
    children: dict[str, list[str]]
    group_names: dict[str, list[str]]
    host_vars: dict[str, dict[str, Any]]
    unordered: set[str]


def clean_environment(home: Path) -> dict[str, str]:
    """An environment in which Ansible goes by its defaults, with an empty configuration in `home`."""
    configuration = home / "ansible.cfg"
    configuration.touch()
    return os.environ | {"ANSIBLE_CONFIG": str(configuration), "HOME": str(home), "LC_ALL": "C.UTF-8"}


class Oracle:
    """The running judge."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.inventory.oracle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=clean_environment(home),
            cwd=Path(__file__).parents[2],
        )

    def ask(self, folder: Path, patterns: Sequence[tuple[str, str | None]] = ()) -> Answer:
        """What Ansible makes of a folder and of patterns over it."""
        asking, answering = self._process.stdin, self._process.stdout
        assert asking
        assert answering
        asking.write(json.dumps({"folder": str(folder), "patterns": patterns}) + "\n")
        asking.flush()
        answer = json.loads(answering.readline())
        return Answer(**answer | {"unordered": set(answer["unordered"])})

    def close(self) -> None:
        """End the judge's process."""
        self._process.communicate(timeout=30)


def main(asking: IO[str], answering: IO[str]) -> None:
    """Answer until there are no more questions."""
    import_module("ansible.plugins.loader").init_plugin_loader([])
    for line in asking:
        question = json.loads(line)
        answering.write(json.dumps(_answer(question["folder"], question["patterns"]), default=str) + "\n")
        answering.flush()


def _answer(folder: str, patterns: list[tuple[str, str | None]]) -> dict[str, Any]:
    loader: Any = import_module("ansible.parsing.dataloader").DataLoader()
    # Variables beside a playbook count for Ansible, too; there is no playbook here.
    loader.set_basedir(folder + "-nowhere")
    manager: Any = import_module("ansible.inventory.manager").InventoryManager(loader=loader, sources=[folder])
    variables: Any = import_module("ansible.vars.manager").VariableManager(loader=loader, inventory=manager)
    groups = manager.groups
    hosts = {
        host.name: variables.get_vars(host=host, include_hostvars=False, stage="all") for host in manager.hosts.values()
    }
    return {
        "selected": [_select(manager, pattern, limit) for pattern, limit in patterns],
        "groups": {name: [host.name for host in group.get_hosts()] for name, group in groups.items()},
        "children": {name: [child.name for child in group.child_groups] for name, group in groups.items()},
        "group_names": {host.name: host.get_magic_vars()["group_names"] for host in manager.hosts.values()},
        "host_vars": {name: {k: v for k, v in found.items() if k not in _MAGIC} for name, found in hosts.items()},
        "unordered": [name for name, group in groups.items() if not _has_fixed_order(group)],
    }


def _select(manager: Any, pattern: str, limit: str | None) -> list[str] | None:
    try:
        manager.subset(limit)
        return [host.name for host in manager.get_hosts(pattern) if not host.implicit]
    except import_module("ansible.errors").AnsibleError:
        return None


def _has_fixed_order(group: Any) -> bool:
    """Ansible walks down level by level, each level as a set (inventory/group.py, _walk_relationship)."""
    level = {group}
    seen = set(level)
    while level:
        if sum(bool(each.child_groups) for each in level) > 1:
            return False
        level = {child for each in level for child in each.child_groups} - seen
        seen |= level
    return True


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
