"""The inventory as a value: hosts, groups, and what a name or a pattern means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.errors import OrchestratorError, UnknownHost
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.model import NO_VARS, Host
from orchestrator.inventory.names import without_exporter_port
from orchestrator.inventory.patterns import NoMatch, Patterns

SERVER = "Server"
"""The name of the control node itself."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its `hosts` with those of groups below it, names of the groups right below, its own variables.

    Where groups of a host disagree, the one with the higher `rank` counts: depth, ``ansible_group_priority``, name.
    """

    name: str
    hosts: HostSet
    children: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=lambda: NO_VARS, repr=False)
    rank: tuple[int, int, str] = (0, 1, "")


_SEE_ALL = "See all hosts with: orchestrator hosts all."
_NAMES_SHOWN = 5
_NO_HOSTS = HostSet()
_NO_GROUPS: Mapping[str, Group] = MappingProxyType({})
_CONTROL_NODE = Host(SERVER, "127.0.0.1", local=True)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that is known of the fleet, as written in the files that `load` read.

    `hosts` are in the order of their first mention, `groups` too; ``all`` and ``ungrouped`` are among them. `warnings`
    are lines for a person, most with ``file:line``. `sources` are the files read. `server` is the control node: a host
    of its own beside `hosts`, unless the inventory defines a host ``Server``.
    """

    hosts: HostSet = _NO_HOSTS
    groups: Mapping[str, Group] = field(default_factory=lambda: _NO_GROUPS)
    warnings: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()
    server: Host = _CONTROL_NODE

    def select(self, pattern: str, *, limit: str | None = None) -> HostSet:
        """The hosts that a pattern means; of them those that `limit`, another pattern, means too. Never an empty set.

        Patterns are Ansible's; besides, a part may be a host's address, a name or address with ``:9100``, or
        ``Server``.
        Raises UnknownHost when a part names nothing or when nothing is left, and UsageError for a malformed pattern.
        """
        names = self._names(pattern)
        if limit is not None:
            allowed = set(self._names(limit))
            names = [name for name in names if name in allowed]
        if names:
            return HostSet(self._by_name(name) for name in names)
        if not self.hosts:
            raise UnknownHost(
                "the inventory has no hosts yet",
                remedy="Run: orchestrator inventory add NAME, or write them into inventory/hosts.yml",
            )
        spelled = pattern if limit is None else f"{pattern} limited to {limit}"
        raise UnknownHost(
            f"{spelled} leaves no host", remedy="See who is in a pattern with: orchestrator hosts PATTERN."
        )

    def host(self, name: str) -> Host:
        """The one host of a name or address, with or without ``:9100``; raises UnknownHost, also for patterns."""
        names = (name,) if name in self.hosts else self._beyond_ansible(name)
        if not names:
            raise self._not_one(name)
        if len(names) > 1:
            what = f"{name} is the address of {HostSet(map(self._by_name, names)).folded}"
            raise UnknownHost(what, remedy="Say which of them by name.")
        return self._by_name(names[0])

    def groups_of(self, host: Host) -> tuple[str, ...]:
        """Names of the groups of a host without ``all``, the weakest first, as Ansible merges their variables."""
        return tuple(sorted(self.groups.keys() & set(host.groups), key=lambda name: self.groups[name].rank))

    def _names(self, pattern: str) -> list[str]:
        groups = {name: group.hosts.names for name, group in self.groups.items()}
        try:
            return Patterns(groups, self.hosts.names, self._beyond_ansible).select(pattern)
        except NoMatch as error:
            raise self._unknown(str(error), (*self.groups, *self.hosts.names)) from error

    def _beyond_ansible(self, text: str) -> tuple[str, ...]:
        """Names of hosts in the spellings that Ansible does not know."""
        bare = without_exporter_port(text)
        if bare in self.hosts or bare == self.server.name:
            return (bare,)
        return tuple(host.name for host in self.hosts if host.address == bare)

    def _by_name(self, name: str) -> Host:
        return self.server if name == self.server.name else self.hosts[name]

    def _not_one(self, text: str) -> UnknownHost:
        """Why `text`, no host's name or address, is not one host: it means several, or nothing."""
        group = self.groups.get(text)
        if group and (text != "all" or not group.hosts):
            return _is_group(group)
        try:
            names = self._names(text)
        except OrchestratorError:
            names = []
        if not names:
            return self._unknown(text, self.hosts.names)
        if len(names) == 1:
            return UnknownHost(f"{text} is a pattern", remedy=f"Did you mean {names[0]}?")
        return UnknownHost(f"{text} means {len(names):,} hosts", remedy="Name one of them.")

    def _unknown(self, text: str, names: Iterable[str]) -> UnknownHost:
        known = {name.casefold(): name for name in (*names, self.server.name) if name != text}
        close = difflib.get_close_matches(without_exporter_port(text).casefold(), known, n=3, cutoff=0.6)
        meant = [known[each] for each in close]
        suggestions = " or ".join(filter(None, (", ".join(meant[:-1]), *meant[-1:])))
        remedy = f"Did you mean {suggestions}?" if close else _SEE_ALL
        return UnknownHost(f"{text} is not in the inventory", remedy=remedy)


def _is_group(group: Group) -> UnknownHost:
    if not group.hosts:
        return UnknownHost(f"{group.name} is a group without hosts", remedy=_SEE_ALL)
    names = [*group.hosts.names[:_NAMES_SHOWN], *("…" for _ in group.hosts.names[_NAMES_SHOWN : _NAMES_SHOWN + 1])]
    return UnknownHost(f"{group.name} is a group", remedy=f"Name one host of it: {', '.join(names)}")
