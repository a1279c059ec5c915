"""A set of hosts with an algebra, in the order in which they were named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.inventory.folding import fold
from orchestrator.inventory.model import Host


class HostSet:
    """Hosts, each name once, in a kept order; immutable and hashable.

    `|`, `&` and `-` go by name and keep the left operand's order and hosts. Two sets are equal when they hold equal
    hosts, in whatever order. Every operation takes time in proportion to the sizes of its operands.

    >>> HostSet([Host("web1", "10.0.0.1"), Host("web2", "10.0.0.2")]).folded
    'web[1-2]'
    """

    __slots__ = ("_by_name", "_names")

    def __init__(self, hosts: Iterable[Host] = ()) -> None:
        """Of two hosts with one name the first stays."""
        by_name: dict[str, Host] = {}
        for host in hosts:
            by_name.setdefault(host.name, host)
        self._by_name = by_name
        self._names = tuple(by_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts' names, in order."""
        return self._names

    @property
    def folded(self) -> str:
        """The hosts' names in short, ``web[1-3,7] db1``."""
        return fold(self._names)

    def __iter__(self) -> Iterator[Host]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, item: object) -> bool:
        """A name is in the set when a host bears it; a host when it is the very one that bears its name."""
        if isinstance(item, Host):
            return self._by_name.get(item.name) == item
        return item in self._by_name

    def __getitem__(self, key: str | int) -> Host:
        """The host of a name (KeyError) or at a position (IndexError)."""
        return self._by_name[key] if isinstance(key, str) else self._by_name[self._names[key]]

    def __or__(self, other: HostSet) -> HostSet:
        return HostSet((*self, *other))

    def __and__(self, other: HostSet) -> HostSet:
        return HostSet(host for host in self if host.name in other)

    def __sub__(self, other: HostSet) -> HostSet:
        return HostSet(host for host in self if host.name not in other)

    def __eq__(self, other: object) -> bool:
        return self._by_name == other._by_name if isinstance(other, HostSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._by_name.values()))

    def __repr__(self) -> str:
        return f"HostSet({self.folded!r})"
