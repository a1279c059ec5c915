"""Ansible's YAML inventory: groups with their ``hosts``, ``children`` and ``vars``."""

from __future__ import annotations

from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode

from orchestrator.errors import InventoryError
from orchestrator.inventory.graph import Graph, GroupNode
from orchestrator.inventory.ranges import expand
from orchestrator.inventory.variables import Var, kind
from orchestrator.inventory.yamlfile import YamlFile

_SECTIONS = ("vars", "children", "hosts")
_REMEDY = {
    "hosts": 'End each host with a colon instead of starting it with a dash: "web1:".',
    "children": 'End each group with a colon instead of starting it with a dash: "web:".',
    "vars": 'Write "name: value" lines.',
}


def read_yaml(file: YamlFile, graph: Graph) -> None:
    """Add the groups and hosts of one YAML inventory to `graph`; an empty file adds none.

    Raises InventoryError with file and line. The structure is that of Ansible's ``yaml`` inventory plugin.
    """
    root = file.root
    if root is None or _is_null(root):
        return
    if not isinstance(root, MappingNode):
        raise InventoryError(
            f"an inventory is a mapping of groups, this is {kind(file.value(root))}",
            where=file.where(root),
            remedy='Start with a group: "all:", and under it "hosts:".',
        )
    groups = list(file.pairs(root))
    for name, key, _ in groups:
        if name == "plugin":
            raise InventoryError(
                "this configures an inventory plugin of Ansible, which is not run here",
                where=file.where(key),
                remedy="Save what ansible-inventory --list --yaml says of it as an inventory.",
            )
    reader = _Reader(file, graph)
    for name, key, body in groups:
        reader.group(name, key, body)


class _Reader:
    def __init__(self, file: YamlFile, graph: Graph) -> None:
        self._file = file
        self._graph = graph

    def group(self, name: str, key: Node, body: Node) -> GroupNode:
        where = self._file.where(key)
        group = self._graph.add_group(name, where)
        if _is_null(body):
            return group
        if not isinstance(body, MappingNode):
            what = f"the group {name} must be a mapping, this is {kind(self._file.value(body))}"
            raise InventoryError(what, where=where, remedy='Put "hosts:", "children:" or "vars:" under it.')
        for section, section_key, content in self._file.pairs(body):
            if section not in _SECTIONS:
                what = f'unexpected key "{section}" in group {name} is skipped: only hosts, children and vars count'
                self._graph.warn(self._file.where(section_key), what)
                continue
            for entry, entry_key, value in self._entries(section, group, content):
                self._add(section, group, entry, entry_key, value)
        return group

    def _add(self, section: str, group: GroupNode, entry: str, key: Node, value: Node | None) -> None:
        where = self._file.where(key)
        if section == "hosts":
            self._hosts(group, entry, key, value)
        elif section == "vars":
            self._graph.set_group_var(group, entry, Var(self._file.value(value) if value else None, where))
        else:
            child = self.group(entry, key, value) if value else self._graph.add_group(entry, where)
            self._graph.add_child(group, child, where)

    def _entries(self, section: str, group: GroupNode, node: Node) -> Iterator[tuple[str, Node, Node | None]]:
        """Entries of a section; a lone name is a section with that one entry."""
        if _is_null(node):
            return
        if isinstance(node, MappingNode):
            yield from self._file.pairs(node)
            return
        value = self._file.value(node)
        if not isinstance(value, str):
            found = kind(value)
            what = f'Invalid "{section}" entry for "{group.name}" group, requires a dictionary, found {found} instead'
            raise InventoryError(what, where=self._file.where(node), remedy=_REMEDY[section])
        yield value, node, None

    def _hosts(self, group: GroupNode, entry: str, key: Node, body: Node | None) -> None:
        where = self._file.where(key)
        try:
            names, port = expand(entry)
        except ValueError as error:
            raise InventoryError(str(error), where=where) from error
        variables = self._host_vars(entry, body) if body and not _is_null(body) else []
        for name in names:
            host = self._graph.add_host(name, group, where, port)
            for variable, var in variables:
                self._graph.set_host_var(host, variable, var)

    def _host_vars(self, entry: str, body: Node) -> list[tuple[str, Var]]:
        if not isinstance(body, MappingNode):
            raise InventoryError(
                f"the host {entry} must be a mapping of variables, this is {kind(self._file.value(body))}",
                where=self._file.where(body),
                remedy='For an address, write "address: 10.0.0.1" under it.',
            )
        file = self._file
        return [(name, Var(file.value(value), file.where(key))) for name, key, value in file.pairs(body)]


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"
