"""YAML with line numbers: one parse, from which every key and value knows where it was written."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.errors import InventoryError, OrchestratorError
from orchestrator.inventory.variables import Vaulted, Verbatim, fits

_K = TypeVar("_K", bound=Hashable)
_MAX_DEPTH = 64
_YAML = "tag:yaml.org,2002:"
_VAULT_TAGS = ("!vault", "!vault-encrypted")
_SCALARS = {_YAML + name for name in ("null", "bool", "int", "float", "binary", "timestamp", "str")}


class _Loader(Composer, yaml.CSafeLoader):
    """libyaml's events, composed here: libyaml's own composer overflows the C stack on deep nesting.

    Nesting is bounded with aliases expanded, so that whoever walks the nodes may recurse.
    """

    def __init__(self, text: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)
        self._heights = [0]
        self._anchored: dict[str, int] = {}

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event: Any = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            # An alias inside its own anchor has no height yet: it would never end.
            self._grow(self._anchored.get(str(event.anchor), _MAX_DEPTH), event)
            return node
        if isinstance(event, yaml.ScalarEvent):
            node, height = super().compose_node(parent, index), 1
        else:
            self._heights.append(0)
            self._grow(0, event)
            node = super().compose_node(parent, index)
            height = self._heights.pop() + 1
        if event.anchor:
            self._anchored[event.anchor] = height
        self._grow(height, event)
        return node

    def _grow(self, height: int, event: Any) -> None:
        """Count something `height` levels high into the innermost open node."""
        if len(self._heights) + height > _MAX_DEPTH:
            problem = f"nested more than {_MAX_DEPTH} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self._heights[-1] = max(self._heights[-1], height)


class YamlFile:
    """One parsed YAML (or JSON) document.

    Raises `error` with ``file:line`` for everything that is wrong, here and in its methods.
    """

    max_values = 1_000_000

    def __init__(self, text: str, label: str, error: type[OrchestratorError] = InventoryError) -> None:
        """`label` is how errors call the file."""
        self._label = label
        self._error = error
        self._budget = self.max_values
        # JSON may be indented with tabs, which YAML forbids; inside its strings a tab cannot stand unescaped.
        self._loader = _Loader(text.replace("\t", " ") if "\t" in text and _is_json(text) else text)
        try:
            self.root: Node | None = self._loader.get_single_node()
        except yaml.YAMLError as fault:
            raise self._syntax_error(fault, text) from fault

    def where(self, node: Node) -> str:
        """``file:line`` of a node."""
        return f"{self._label}:{node.start_mark.line + 1}"

    def pairs(self, mapping: MappingNode) -> Iterator[tuple[str, Node, Node]]:
        """Key, key node and value node of each entry, merge keys (``<<``) resolved; keys are text and unique."""
        return self._entries(mapping, self._name)

    def _entries(self, mapping: MappingNode, read: Callable[[Node], _K]) -> Iterator[tuple[_K, Node, Node]]:
        own: dict[_K, tuple[_K, Node, Node]] = {}
        merged: dict[_K, tuple[_K, Node, Node]] = {}
        for key_node, value in mapping.value:
            self._spend(key_node)
            if key_node.tag == _YAML + "merge":
                merged.update((entry[0], entry) for entry in self._merged(value, read))
                continue
            key = read(key_node)
            if key in own:
                what = f"{key} is given twice, first on line {own[key][1].start_mark.line + 1}"
                raise self._error(what, where=self.where(key_node), remedy="Remove one of them.")
            own[key] = (key, key_node, value)
        yield from (merged | own).values()

    def value(self, node: Node) -> Any:
        """A node's value in Python's types; `Vaulted` and `Verbatim` for Ansible's tags."""
        self._spend(node)
        if node.tag in _VAULT_TAGS and isinstance(node, ScalarNode):
            return Vaulted(node.value)
        if node.tag == "!unsafe":
            return self._unsafe(node)
        if isinstance(node, ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node)
        if isinstance(node, MappingNode) and node.tag == _YAML + "map":
            return {key: self.value(value) for key, _, value in self._entries(node, self._any_key)}
        if isinstance(node, SequenceNode) and node.tag == _YAML + "seq":
            return [self.value(item) for item in node.value]
        raise self._error(f"the tag {node.tag} is not known here", where=self.where(node), remedy="Remove the tag.")

    def text(self, node: ScalarNode) -> str:
        """A text's value; a subclass may remember where it stood."""
        return str(node.value)

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag == _YAML + "str":
            return self.text(node)
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError) as fault:
            raise self._error(f"{node.value!r} cannot be read as YAML", where=self.where(node)) from fault
        if not fits(value):
            raise self._error("a number of more than 64 bits", where=self.where(node), remedy="Write it in quotes.")
        return value

    def _unsafe(self, node: Node) -> Any:
        # The tag hides what the value would be without it.
        untagged = copy.copy(node)
        untagged.tag = self._loader.resolve(type(node), node.value, (True, False))  # type: ignore[no-untyped-call]
        return _verbatim(self.value(untagged))

    def _name(self, node: Node) -> str:
        """A key that must be text: the name of a group, a host or a variable."""
        if isinstance(node, ScalarNode) and node.tag != _YAML + "str":
            word = node.tag.rpartition(":")[2]
            what = f"the key {node.value} reads as {word}, not as a name"
            raise self._error(what, where=self.where(node), remedy=f'Write "{node.value}" in quotes.')
        return str(self._any_key(node))

    def _any_key(self, node: Node) -> Any:
        """A key inside a variable's value: any scalar."""
        if isinstance(node, ScalarNode):
            return self.value(node)
        what = "a list or mapping stands where a name must be"
        remedy = "Check the indentation and the braces; a value that starts with {{ needs quotes."
        raise self._error(what, where=self.where(node), remedy=remedy)

    def _merged(self, node: Node, read: Callable[[Node], _K]) -> Iterator[tuple[_K, Node, Node]]:
        """Entries brought in by ``<<``; of several mappings the first one wins (https://yaml.org/type/merge.html)."""
        mappings = node.value if isinstance(node, SequenceNode) else [node]
        for mapping in reversed(mappings):
            if not isinstance(mapping, MappingNode):
                raise self._error("<< takes a mapping or a list of mappings", where=self.where(mapping))
            self._spend(mapping)
            yield from self._entries(mapping, read)

    def _spend(self, node: Node) -> None:
        """Bound the work: aliases of aliases can spell a billion values in a few lines, or refer to themselves."""
        self._budget -= 1
        if self._budget < 0:
            raise self._error("its aliases expand without end", where=self.where(node), remedy="Write values out.")

    def _syntax_error(self, fault: yaml.YAMLError, text: str) -> OrchestratorError:
        mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
        problem = getattr(fault, "problem", None) or str(fault).splitlines()[0]
        where = f"{self._label}:{mark.line + 1}" if mark else self._label
        if mark and _character(text, mark.line, mark.column) == "\t":
            return self._error("a tab where YAML wants spaces", where=where, remedy="Indent with spaces.")
        remedy = "Quote a value that holds a colon and a space." if problem.startswith("mapping values") else ""
        return self._error(f"is not YAML: {' '.join(problem.split())}", where=where, remedy=remedy)


def _verbatim(value: Any) -> Any:
    """`value` with every text in it, keys aside, meant literally."""
    if isinstance(value, str):
        return Verbatim(value)
    if isinstance(value, list):
        return [_verbatim(item) for item in value]
    if isinstance(value, dict):
        return {key: _verbatim(item) for key, item in value.items()}
    return value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _character(text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    return lines[line][column : column + 1] if line < len(lines) else ""
