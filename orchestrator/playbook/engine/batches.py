"""Which hosts a play means, and in which batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.errors import UnknownHost, UsageError
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.inventory import Inventory
from orchestrator.inventory.model import Host
from orchestrator.inventory.patterns import split

LOCALHOST = Host("localhost", "127.0.0.1", local=True, vars={"ansible_connection": "local"})
"""Ansible's implicit localhost: in no group, there when it is named."""
_HERE = ("localhost", "127.0.0.1", "::1")


def select(inventory: Inventory, hosts: Any, limit: str | None) -> HostSet:
    """The hosts of a play: `hosts` is a pattern or a list of them. Empty when nothing matches, as in Ansible.

    Raises UsageError for a malformed pattern.
    """
    patterns = [part for each in (hosts if isinstance(hosts, list | tuple) else [hosts]) for part in split(str(each))]
    if len(patterns) == 1 and patterns[0] in _HERE and patterns[0] not in inventory.hosts:
        chosen = HostSet([LOCALHOST])
        return chosen if limit is None or set(split(limit)) & {*_HERE, "all"} else HostSet()
    if limit is not None:
        limit = ",".join(part for part in split(limit) if part not in _HERE or part in inventory.hosts)
        if not limit:
            return HostSet()
    try:
        return inventory.select(",".join(patterns), limit=limit)
    except UnknownHost:
        return _known_parts(inventory, patterns, limit)


def find(inventory: Inventory, name: str) -> Host:
    """The host that ``delegate_to`` names. Raises UnknownHost."""
    if name in inventory.hosts:
        return inventory.hosts[name]
    return LOCALHOST if name in _HERE else inventory.host(name)


def batches(hosts: HostSet, serial: Sequence[Any]) -> list[HostSet]:
    """`hosts` in the batches of ``serial``: numbers or percentages of all, the last one again and again.

    Raises UsageError for what is neither.
    """
    left = list(hosts)
    found: list[HostSet] = []
    sizes = [_size(each, len(left)) for each in serial] or [0]
    while left:
        size = sizes[min(len(found), len(sizes) - 1)]
        if size <= 0:
            size = len(left)
        found.append(HostSet(left[:size]))
        del left[:size]
    return found


def _size(value: Any, count: int) -> int:
    """As Ansible's pct_to_int: a percentage gives at least one."""
    text = str(value).strip()
    try:
        if text.endswith("%"):
            return int(float(text.removesuffix("%")) / 100 * count) or 1
        return int(text)
    except ValueError:
        raise UsageError(f"serial: {text!r} is neither a number nor a percentage") from None


def _known_parts(inventory: Inventory, patterns: list[str], limit: str | None) -> HostSet:
    """Ansible leaves out what a pattern names in vain, with a warning, and goes on with the rest."""
    chosen: list[str] = []
    for part in patterns:
        try:
            inventory.select(part.lstrip("&!"))
        except UnknownHost:
            if part[0] == "&":
                return HostSet()
        else:
            chosen.append(part)
    try:
        return inventory.select(",".join(chosen), limit=limit) if any(p[0] not in "&!" for p in chosen) else HostSet()
    except UnknownHost:
        return HostSet()
