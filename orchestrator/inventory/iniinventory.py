"""Ansible's INI inventory: ``[group]``, ``[group:children]`` and ``[group:vars]``."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import InventoryError
from orchestrator.inventory.graph import Graph, GroupNode
from orchestrator.inventory.ranges import expand
from orchestrator.inventory.variables import Var, fits

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
# What no Python literal looks like, as most values do: spares the parser for them.
_WORD = re.compile(r"[A-Za-z_./~][\w./@:~-]*")
_CONSTANTS = ("True", "False", "None")


def read_ini(text: str, label: str, graph: Graph) -> None:
    """Add the groups and hosts of one INI inventory to `graph`.

    Raises InventoryError with file and line. Syntax and types of values are those of Ansible's ``ini`` inventory
    plugin: values are Python literals where they look like one, else text.
    """
    reader = _Reader(graph)
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and stripped[0] not in ";#":
            reader.line(stripped, f"{label}:{number}")
    reader.finish()


@dataclass
class _Reader:
    graph: Graph
    group: str = "ungrouped"
    section: str = "hosts"
    # Groups spoken of before they are declared: name -> where, and who wants them as children.
    undeclared_vars: dict[str, str] = field(default_factory=dict)
    undeclared_children: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def line(self, line: str, where: str) -> None:
        header = _SECTION.fullmatch(line)
        if header:
            self._open(header[1], header[2] or "hosts", where)
        elif line.startswith("[") and line.endswith("]"):
            raise InventoryError(f"{line} is not a section", where=where, remedy="Write [group], without spaces.")
        elif self.section == "hosts":
            self._hosts(line, where)
        elif self.section == "children":
            self._child(line, where)
        else:
            name, equals, value = line.partition("=")
            if not equals:
                raise InventoryError("this is not a variable", where=where, remedy="Write name=value.")
            var = Var(_literal(value.strip(), where), where)
            self.graph.set_group_var(self._current(where), name.strip(), var)

    def finish(self) -> None:
        """Complain of groups that were spoken of and never declared."""
        for name, where in self.undeclared_vars.items():
            raise InventoryError(f"[{name}:vars] is for a group that does not exist", where=where)
        for name, parents in self.undeclared_children.items():
            parent, where = parents[-1]
            what = f"[{parent}:children] names the group {name}, which does not exist"
            raise InventoryError(what, where=where, remedy=f"Add a section [{name}].")

    def _open(self, group: str, section: str, where: str) -> None:
        if section not in ("hosts", "children", "vars"):
            raise InventoryError(
                f"[{group}:{section}] is of an unknown kind",
                where=where,
                remedy=f"Write [{group}:children] or [{group}:vars].",
            )
        self.group, self.section = group, section
        declared = group in self.graph.groups
        self._current(where)
        if section == "vars":
            if not declared and group not in self.undeclared_children:
                self.undeclared_vars[group] = where
            return
        self.undeclared_vars.pop(group, None)
        for parent, wanted in self.undeclared_children.pop(group, ()):
            self.graph.add_child(self.graph.groups[parent], self.graph.groups[group], wanted)

    def _child(self, line: str, where: str) -> None:
        name = _GROUP.fullmatch(line)
        if not name:
            raise InventoryError(f"{line!r} is not the name of a group", where=where)
        child = self.graph.groups.get(name[1])
        if child is None:
            self.undeclared_children.setdefault(name[1], []).append((self.group, where))
        else:
            self.graph.add_child(self._current(where), child, where)

    def _hosts(self, line: str, where: str) -> None:
        try:
            entry, *assignments = shlex.split(line, comments=True)
            names, port = expand(entry)
        except ValueError as error:
            # Not the whole line: it may hold a password.
            what = f"the host {line.split(maxsplit=1)[0]} cannot be read: {error}"
            raise InventoryError(what, where=where) from error
        if entry.startswith("---"):
            raise InventoryError("this looks like YAML", where=where, remedy="Name the file with .yml at its end.")
        variables = [_assignment(entry, each, where) for each in assignments]
        group = self._current(where)
        for name in names:
            host = self.graph.add_host(name, group, where, port)
            for variable, var in variables:
                self.graph.set_host_var(host, variable, var)

    def _current(self, where: str) -> GroupNode:
        return self.graph.add_group(self.group, where)


def _assignment(host: str, text: str, where: str) -> tuple[str, Var]:
    name, equals, value = text.partition("=")
    if not equals:
        remedy = "Write name=value, without spaces around the sign."
        raise InventoryError(f"what stands after {host} is not a variable", where=where, remedy=remedy)
    return name, Var(_literal(value, where), where)


def _literal(text: str, where: str) -> Any:
    """The value that Ansible reads: a Python literal where it is one, else the text itself."""
    if _WORD.fullmatch(text) and text not in _CONSTANTS:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    except (RecursionError, MemoryError, TypeError) as error:
        raise InventoryError("a value is nested too deeply", where=where) from error
    return _plain(value, where)


def _plain(value: Any, where: str) -> Any:
    """A literal in the types that YAML knows as well."""
    if not fits(value):
        raise InventoryError("a number of more than 64 bits", where=where, remedy="Write it in quotes.")
    if isinstance(value, list | tuple | set):
        return [_plain(each, where) for each in value]
    if isinstance(value, dict):
        return {_plain(key, where): _plain(each, where) for key, each in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, complex) or value is ...:
        return "..." if value is ... else str(value)
    return value
