"""Groups and hosts while they are being read: who belongs to whom, by Ansible's rules (its inventory/data.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.errors import InventoryError
from orchestrator.inventory.names import is_host_name
from orchestrator.inventory.ranges import MAX_HOSTS
from orchestrator.inventory.variables import Var, Vars

_NOT_IN_GROUP_NAMES = frozenset(" \t:,&!~[]*?/\\'\"{}")


@dataclass(slots=True, eq=False)
class HostNode:
    """A host's name, the place of its first mention, its own variables and the groups that name it."""

    name: str
    where: str
    vars: Vars = field(default_factory=dict)
    groups: dict[str, GroupNode] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class GroupNode:
    """A group with what it names itself; `depth` is the longest way down from ``all``, known after `reconcile`."""

    name: str
    vars: Vars = field(default_factory=dict)
    hosts: dict[str, HostNode] = field(default_factory=dict)
    children: dict[str, GroupNode] = field(default_factory=dict)
    parents: dict[str, GroupNode] = field(default_factory=dict)
    priority: int = 1
    depth: int = 0

    def ancestors(self) -> dict[str, GroupNode]:
        """Every group above, by name."""
        found: dict[str, GroupNode] = {}
        waiting = list(self.parents.values())
        while waiting:
            group = waiting.pop()
            if group.name not in found:
                found[group.name] = group
                waiting.extend(group.parents.values())
        return found

    def all_hosts(self) -> Iterator[HostNode]:
        """Hosts of the group and of every group below it, nearest groups first, in the order written."""
        seen = {self.name}
        level = [self]
        while level:
            below = []
            for group in level:
                yield from group.hosts.values()
                for child in group.children.values():
                    if child.name not in seen:
                        seen.add(child.name)
                        below.append(child)
            level = below


class Graph:
    """All groups and hosts read so far. Methods raise InventoryError with the `where` they are given."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupNode] = {}
        self.hosts: dict[str, HostNode] = {}
        self.warnings: list[str] = []
        self.add_child(self.add_group("all", ""), self.add_group("ungrouped", ""), "")

    def warn(self, where: str, what: str) -> None:
        """Note something that a person should look at and that stops nothing."""
        self.warnings.append(f"{where}: {what}")

    def add_group(self, name: str, where: str) -> GroupNode:
        """The group of that name, made when there is none."""
        group = self.groups.get(name)
        if group is None:
            if not name or name.startswith("-") or not _NOT_IN_GROUP_NAMES.isdisjoint(name) or not name.isprintable():
                raise InventoryError(
                    f"{name!r} cannot be the name of a group",
                    where=where,
                    remedy="Use letters, digits and underscores.",
                )
            group = self.groups[name] = GroupNode(name)
        return group

    def add_child(self, parent: GroupNode, child: GroupNode, where: str) -> None:
        """Put `child` under `parent`."""
        if child.name in parent.children:
            return
        if child is parent or child.name in parent.ancestors() or child.name == "all":
            raise InventoryError(
                f"{child.name} cannot be a child of {parent.name}: it would contain itself",
                where=where,
                remedy="Remove it from one of the two children lists.",
            )
        parent.children[child.name] = child
        child.parents[parent.name] = parent

    def add_host(self, name: str, group: GroupNode, where: str, port: int | None = None) -> HostNode:
        """The host of that name as a member of `group`, made when there is none."""
        host = self.hosts.get(name)
        if host is None:
            host = self._new_host(name, where)
            if port is not None:
                host.vars["ansible_port"] = Var(port, where)
        elif port is not None and host.vars.get("ansible_port", Var(None, "")).value != port:
            # Ansible takes the port of a host's first mention only.
            self.warn(where, f"the port {port} is ignored: {name} was first mentioned without it in {host.where}")
        group.hosts[name] = host
        host.groups[group.name] = group
        return host

    def set_host_var(self, host: HostNode, name: str, var: Var) -> None:
        """Give a host a variable."""
        if host.name in self.groups:
            # Ansible would give it to the group, that is to other hosts: surely not what was meant.
            raise InventoryError(
                f"{host.name} is both a host and a group, so {name} is ambiguous",
                where=var.where,
                remedy="Rename the host or the group.",
            )
        host.vars[name] = var

    def set_group_var(self, group: GroupNode, name: str, var: Var) -> None:
        """Give a group a variable, or its ``ansible_group_priority``."""
        if name != "ansible_group_priority":
            group.vars[name] = var
            return
        try:
            group.priority = int(var.value)
        except (TypeError, ValueError, OverflowError) as error:
            what = f"ansible_group_priority of {group.name} is {var.value!r}, which is not a whole number"
            raise InventoryError(what, where=var.where) from error

    def reconcile(self) -> None:
        """Finish after the last file: everything is below ``all``, ungrouped hosts in ``ungrouped``, depths known."""
        everything, ungrouped = self.groups["all"], self.groups["ungrouped"]
        for group in self.groups.values():
            if not group.parents and group is not everything:
                self.add_child(everything, group, "")
        for host in self.hosts.values():
            if host.groups.keys() <= {"all", "ungrouped"}:
                ungrouped.hosts[host.name] = host
                host.groups["ungrouped"] = ungrouped
            elif host.groups.pop("ungrouped", None):
                del ungrouped.hosts[host.name]
        self._measure_depths()
        for name in (name for name in self.hosts if name in self.groups):
            self.warn(self.hosts[name].where, f"{name} is the name of a host and of a group; patterns take the host")

    def _new_host(self, name: str, where: str) -> HostNode:
        if not is_host_name(name):
            raise InventoryError(
                f"{name!r} cannot be the name of a host",
                where=where,
                remedy="Use letters, digits, '.', '-' and '_', or an IPv6 address.",
            )
        if len(self.hosts) >= MAX_HOSTS:
            raise InventoryError(f"more than {MAX_HOSTS:,} hosts", where=where)
        host = self.hosts[name] = HostNode(name, where)
        return host

    def _measure_depths(self) -> None:
        waiting = {group.name: len(group.parents) for group in self.groups.values()}
        ready = [self.groups["all"]]
        while ready:
            group = ready.pop()
            for child in group.children.values():
                child.depth = max(child.depth, group.depth + 1)
                waiting[child.name] -= 1
                if not waiting[child.name]:
                    ready.append(child)
