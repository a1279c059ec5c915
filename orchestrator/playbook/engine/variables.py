"""What a name means on a host in a task: Ansible's order of precedence (its guide; vars/manager.py)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.inventory import Inventory
from orchestrator.inventory.model import Host
from orchestrator.playbook.engine.batches import LOCALHOST
from orchestrator.playbook.engine.facts import injected, namespaced
from orchestrator.playbook.engine.layers import Layers
from orchestrator.playbook.engine.plan import Leaf
from orchestrator.playbook.model import NOTHING, Play, RoleRef, Task
from orchestrator.playbook.templating import HostVars, Templar
from orchestrator.playbook.text import trusted

# The release whose language we speak, for playbooks that ask.
_ANSIBLE = {"string": "2.19.0", "full": "2.19.0", "major": 2, "minor": 19, "revision": 0}


@dataclass(slots=True)
class _Memory:
    """What became known of one host in the run, by how strong it is."""

    base: Mapping[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    ansible_facts: dict[str, Any] = field(default_factory=dict)
    included: dict[str, Any] = field(default_factory=dict)
    registered: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class PlayVariables:
    """What a play gives to all its hosts: `magic` names above all others, and its own `vars` by strength.

    `files` gives the variables of the play's files for a host, which may depend on its facts.
    """

    play: Play
    magic: Mapping[str, Any]
    files: Callable[[Layers], Mapping[str, Any]]
    role_vars: Mapping[str, Any] = field(init=False)
    role_defaults: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.role_vars = _merged(role.exports for role in self.play.roles)
        self.role_defaults = _merged(role.defaults for role in self.play.roles)

    def publish(self, role: RoleRef) -> None:
        """An included role shows its variables to the rest of the play."""
        self.role_vars = {**self.role_vars, **role.exports}
        self.role_defaults = {**self.role_defaults, **role.defaults}


_CONNECTION: Mapping[str, Any] = {"ansible_connection": "ssh"}
"""What a task, but no other host, sees of how its host is reached, where no variable says so (play_context.py)."""


class Variables:
    """Every host's variables during one run."""

    def __init__(self, inventory: Inventory, extra: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """`extra` are those of ``-e``; `options` tell how the run was asked for (``ansible_check_mode``, ...)."""
        self._inventory = inventory
        self._extra = extra
        groups = {name: list(group.hosts.names) for name, group in inventory.groups.items()}
        self.magic: Mapping[str, Any] = {
            **options,
            "groups": groups,
            "ansible_version": _ANSIBLE,
            "ansible_playbook_python": sys.executable,
            "ansible_config_file": None,
        }
        self._hosts: dict[str, _Memory] = {}
        self._roles: dict[int, tuple[RoleRef, Mapping[str, Any]]] = {}

    def view(self, host: Host, play: PlayVariables, leaf: Leaf) -> Layers:
        """All that `leaf` sees on `host`, unrendered."""
        memory, task = self._memory(host), leaf.task
        role = task.role
        weak = (memory.facts, memory.base, *((role.defaults,) if role else ()), play.role_defaults)
        about = {"environment": list(task.keywords.environment)}
        strong = (about, play.magic, *((self._role(role),) if role else ()), self._extra, leaf.params)
        files = play.files(Layers(*strong, play.play.vars, *weak)) if play.play.vars_files else NOTHING
        return Layers(
            *strong,
            role.params if role else NOTHING,
            memory.registered,
            memory.included,
            task.keywords.vars,
            role.vars if role else NOTHING,
            play.role_vars,
            files,
            play.play.vars,
            *weak,
            _CONNECTION,
        )

    def of_play(self, play: PlayVariables, task: Task | None = None) -> Layers:
        """What is known without a host: of `play`, or of a handler of it."""
        role = task.role if task else None
        own = (task.keywords.vars if task else NOTHING, role.vars if role else NOTHING)
        weak = (role.defaults if role else NOTHING, play.role_defaults)
        return Layers(play.magic, self._extra, *own, play.role_vars, play.play.vars, *weak)

    def of_host(self, host: Host) -> Layers:
        """What other hosts see of `host` (``hostvars``): nothing of any play."""
        memory = self._memory(host)
        return Layers(self.magic, self._extra, memory.registered, memory.included, memory.facts, memory.base)

    def facts(self, host: Host) -> Mapping[str, Any]:
        """The host's ``ansible_facts``."""
        return self._memory(host).ansible_facts

    def learn(self, host: Host, facts: Mapping[str, Any]) -> None:
        """The host told `facts` (their names with ``ansible_`` where they have it)."""
        memory = self._memory(host)
        memory.ansible_facts.update(namespaced(facts))
        memory.facts.update(injected(facts))
        memory.facts["ansible_facts"] = memory.ansible_facts

    def forget(self, host: Host) -> None:
        """Drop the host's facts (``meta: clear_facts``)."""
        memory = self._memory(host)
        memory.ansible_facts = {}
        memory.facts = {}

    def register(self, host: Host, values: Mapping[str, Any]) -> None:
        """``set_fact`` and ``register``."""
        self._memory(host).registered.update(values)

    def include(self, host: Host, values: Mapping[str, Any]) -> None:
        """``include_vars``."""
        self._memory(host).included.update(values)

    def _memory(self, host: Host) -> _Memory:
        memory = self._hosts.get(host.name)
        if memory is None:
            memory = self._hosts[host.name] = _Memory(self._base(host))
        return memory

    def _base(self, host: Host) -> Mapping[str, Any]:
        """The inventory's variables, and what Ansible says of every host."""
        sources = self._inventory.sources
        about: dict[str, Any] = {
            "ansible_facts": {},
            "ansible_host": host.address,
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name if _is_address(host.name) else host.name.split(".")[0],
            "group_names": sorted(name for name in host.groups if name != "all"),
            "inventory_file": str(sources[0].absolute()) if sources else None,
            "inventory_dir": str(sources[0].absolute().parent) if sources else None,
        }
        if host.user:
            about["ansible_user"] = host.user
        return {**about, **trusted(dict(host.vars))}

    def _role(self, role: RoleRef) -> Mapping[str, Any]:
        known = self._roles.get(id(role))
        if known is None:
            path = str(role.path)
            about = {"role_name": role.name, "ansible_role_name": role.name, "role_path": path}
            known = self._roles[id(role)] = role, about
        return known[1]


class AllHostVars(HostVars):
    """``hostvars``: the hosts of the inventory, and the implicit localhost for whoever asks for it by name."""

    def __init__(self, inventory: Inventory, templar: Callable[[str], Templar]) -> None:
        super().__init__((*inventory.hosts.names, LOCALHOST.name), templar)
        self._names = inventory.hosts.names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _is_address(name: str) -> bool:
    """Whether a host is called by its address, which has no short form (ansible-core, inventory/host.py)."""
    return ":" in name or name.replace(".", "").isdigit()


def play_magic(play: Play, name: str, hosts: HostSet, batch: Iterable[str], removed: set[str]) -> dict[str, Any]:
    """The names that tell of the play: `hosts` are all of it, `batch` those at it now, `removed` are out."""
    roles = list(dict.fromkeys(role.name for role in play.roles))
    here = [host for host in batch if host not in removed]
    return {
        "ansible_play_name": name,
        "ansible_play_hosts_all": list(hosts.names),
        "ansible_play_hosts": [host for host in hosts.names if host not in removed],
        "ansible_play_batch": here,
        "play_hosts": here,
        "ansible_role_names": roles,
        "ansible_play_role_names": roles,
        "role_names": roles,
        "playbook_dir": str(play.search[-1].absolute()),  # that of an imported playbook, where it is one
    }


def _merged(mappings: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged.update(mapping)
    return merged
