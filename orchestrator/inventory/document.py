"""One YAML inventory file as text that can be edited: comments, order, quotes and anchors stay as people wrote them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark, MarkedYAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken
from ruamel.yaml.util import load_yaml_guess_indent

from orchestrator.errors import InventoryError
from orchestrator.inventory.ranges import expand

_WIDE = 1 << 16  # columns: lines are never folded anew


class Document:
    """An inventory file being edited; `text` is what it has become. It was read by `load` before, so it is sane."""

    def __init__(self, text: str, label: str) -> None:
        """`label` is how errors call the file."""
        self.label = label
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = _WIDE
        self._yaml.explicit_start = text.lstrip().startswith("---")
        self._head = ""  # a file of nothing but comments: ruamel.yaml would drop them
        try:
            _, sequence, offset = load_yaml_guess_indent(text or "{}")
            self._yaml.indent(mapping=_indent(text), sequence=sequence or 2, offset=offset or 0)
            root = self._yaml.load(text)
        except MarkedYAMLError as error:
            raise InventoryError(f"cannot be edited: {error.problem}", where=label, remedy="Edit it by hand") from error
        if root is None and not self._yaml.explicit_start:
            self._head = text if not text or text.endswith("\n") else text + "\n"
        self._root: CommentedMap = CommentedMap() if root is None else root

    @property
    def text(self) -> str:
        """The whole file."""
        out = io.StringIO()
        self._yaml.dump(self._root, out)
        return self._head + out.getvalue()

    def sections(self) -> Iterator[tuple[str, CommentedMap]]:
        """Every group with its mapping of hosts, in the order of the file; a group may come more than once."""
        for name, group in self._groups(self._root):
            hosts = group.get("hosts")
            if isinstance(hosts, CommentedMap):
                yield name, hosts

    def mentions(self, host: str) -> list[tuple[str, CommentedMap]]:
        """The groups whose hosts name `host` itself, not a range that it is in."""
        return [(group, hosts) for group, hosts in self.sections() if host in hosts]

    def covering(self, host: str) -> CommentedMap | None:
        """The first mapping of hosts in which `host` is written, or a range (``web[1:9]``) that it is in."""
        for _, hosts in self.sections():
            if any(host in expand(str(entry))[0] for entry in hosts):
                return hosts
        return None

    def add(self, host: str, variables: Mapping[str, Any], group: str) -> None:
        """Put `host` at the end of the hosts of `group`, which is made where there is none."""
        body = CommentedMap({variable: _plain(value) for variable, value in variables.items()})
        body.fa.set_flow_style()
        _insert(self._hosts_of(group), host, body or None)

    def remove(self, host: str) -> int:
        """Take `host` out of every group that names it; how many did."""
        found = 0
        for _, body in self._groups(self._root):
            hosts = body.get("hosts")
            if isinstance(hosts, CommentedMap) and host in hosts:
                _take_out(body, hosts, host)
                found += 1
        return found

    def set(self, mapping: CommentedMap, host: str, name: str, value: Any) -> None:
        """Give `host` in a `mapping` of hosts a variable; None takes it away. A host of a range gets its own entry."""
        body = mapping.get(host)
        if not isinstance(body, CommentedMap):
            body = CommentedMap()
            body.fa.set_flow_style()
            if host in mapping:
                mapping[host] = body
            else:
                _insert(mapping, host, body)
        _put(body, name, value)

    def set_group(self, group: str, name: str, value: Any) -> bool:
        """Give `group` a variable; None takes it away. False when the group is not in this file."""
        bodies = [body for found, body in self._groups(self._root) if found == group]
        if not bodies:
            return False
        body = next((body for body in bodies if isinstance(body.get("vars"), CommentedMap)), bodies[0])
        if not isinstance(body.get("vars"), CommentedMap):
            if value is not None:
                _insert(body, "vars", CommentedMap({name: _plain(value)}))
                body.fa.set_block_style()
        else:
            _put(body["vars"], name, value)
        return True

    # -- inside

    def _groups(self, groups: CommentedMap) -> Iterator[tuple[str, CommentedMap]]:
        """Groups with their bodies, children after parents; a group written as nothing gets an empty body."""
        for name in list(groups):
            if groups[name] is None:
                groups[name] = CommentedMap()
                groups[name].fa.set_flow_style()
            body = groups[name]
            if not isinstance(body, CommentedMap):
                continue
            yield str(name), body
            children = body.get("children")
            if isinstance(children, CommentedMap):
                yield from self._groups(children)

    def _hosts_of(self, group: str) -> CommentedMap:
        """The mapping of hosts of `group`, made with everything around it where it is missing."""
        bodies = [body for name, body in self._groups(self._root) if name == group]
        body = next((body for body in bodies if isinstance(body.get("hosts"), CommentedMap)), None)
        if body is None:
            body = bodies[0] if bodies else self._new_group(group)
        hosts = body.get("hosts")
        if not isinstance(hosts, CommentedMap) or not hosts:
            body["hosts"] = CommentedMap()
            body.fa.set_block_style()
        result = body["hosts"]
        assert isinstance(result, CommentedMap)
        return result

    def _new_group(self, group: str) -> CommentedMap:
        if group == "all":
            self._root["all"] = CommentedMap()
            return self._root["all"]  # type: ignore[no-any-return]
        parent = self._root.setdefault("all", CommentedMap())
        if not isinstance(parent, CommentedMap):
            parent = self._root["all"] = CommentedMap()
        if not isinstance(parent.get("children"), CommentedMap) or not parent["children"]:
            parent["children"] = CommentedMap()
            parent.fa.set_block_style()
        parent["children"][group] = CommentedMap()
        return parent["children"][group]  # type: ignore[no-any-return]


def _indent(text: str) -> int:
    """How far the first nested line is indented."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return next((len(line) - len(line.lstrip()) for line in lines if line[:1] == " "), 2)


def _deepest(mapping: CommentedMap | CommentedSeq, key: Any) -> tuple[CommentedMap | CommentedSeq, Any]:
    """The last value inside the entry `key`: the comments below the entry hang there."""
    value = mapping[key]
    if isinstance(value, CommentedMap | CommentedSeq) and value and not value.fa.flow_style():
        return _deepest(value, next(reversed(value)) if isinstance(value, CommentedMap) else len(value) - 1)
    return mapping, key


def _slot(container: CommentedMap | CommentedSeq) -> int:
    """Where the comment after an entry is kept."""
    return 2 if isinstance(container, CommentedMap) else 0


def _comments_below(mapping: CommentedMap, key: Any, *, column: int) -> str:
    """Take away the lines below the entry `key` from the first blank one, or the first left of `column`, on."""
    container, last = _deepest(mapping, key)
    tokens = container.ca.items.get(last)
    token = tokens[_slot(container)] if tokens else None
    if token is None:
        return ""
    same_line, _, below = token.value.partition("\n")
    kept: list[str] = [same_line + "\n"]
    lines = below.splitlines(keepends=True)
    while lines and lines[0].strip() and len(lines[0]) - len(lines[0].lstrip()) >= max(column, 1):
        kept.append(lines.pop(0))
    token.value = "".join(kept)
    if not token.value.strip():
        container.ca.items.pop(last)
    return "".join(lines)


def _append(container: CommentedMap | CommentedSeq, key: Any, below: str) -> None:
    """Hang comment lines below the entry `key`."""
    slot = _slot(container)
    tokens = container.ca.items.setdefault(key, [None] * 4)
    if tokens[slot] is None:
        tokens[slot] = CommentToken("\n" + below, CommentMark(0), None)
    else:
        tokens[slot].value += below


def _plain(value: Any) -> Any:
    """Text in quotes where YAML 1.1, which Ansible and PyYAML read, would take it for something else (``yes``).

    ruamel.yaml writes YAML 1.2, in which those are text.
    """
    if not isinstance(value, str):
        return value
    try:
        # In braces PyYAML reads no plain text that begins with a colon, such as ``::1``.
        same = yaml.safe_load(value) == value and not value.startswith(":")
    except yaml.YAMLError:
        same = False
    return value if same else DoubleQuotedScalarString(value)


def _put(mapping: CommentedMap, key: str, value: Any) -> None:
    """Set an entry, or take it away when `value` is None."""
    if value is None:
        mapping.pop(key, None)
    elif key in mapping:
        mapping[key] = _plain(value)
    else:
        _insert(mapping, key, _plain(value))


def _insert(mapping: CommentedMap, key: str, value: Any) -> None:
    """Add an entry at the end. Comments below the one that was last belong to what follows: they stay below."""
    before = next(reversed(mapping), None)
    mapping[key] = value
    if before is None or mapping.fa.flow_style():
        return
    column = mapping.lc.key(before)[1] if mapping.lc.data and before in mapping.lc.data else mapping.lc.col
    below = _comments_below(mapping, before, column=column)
    if below:
        _append(*_deepest(mapping, key), below)


def _take_out(body: CommentedMap, hosts: CommentedMap, host: str) -> None:
    """Remove an entry with the comment on its line; comments below it stay where they are."""
    keys = list(hosts)
    at = keys.index(host)
    below = _comments_below(hosts, host, column=hosts.lc.col + 1)
    del hosts[host]
    hosts.ca.items.pop(host, None)
    if not hosts:
        hosts.fa.set_flow_style()
    if below and at > 0:
        _append(*_deepest(hosts, keys[at - 1]), below)
    elif below and not hosts:
        _append(*_deepest(body, "hosts"), below)
    elif below:
        hosts.ca.comment = [None, [CommentToken(line + "\n", CommentMark(0), None) for line in below.splitlines()]]
