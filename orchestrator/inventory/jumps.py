"""Looking up jump hosts: from what hosts ask for to the chain through which each is reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.errors import InventoryError
from orchestrator.inventory.connection import Jump, parse_port, parse_user
from orchestrator.inventory.model import Host
from orchestrator.inventory.names import is_address, is_ipv6

_HOP = re.compile(r"(?:(?P<user>[^@]+)@)?(?:\[(?P<bracketed>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]+))?")
_MAX_HOPS = 16


def resolve_jumps(hosts: Mapping[str, Host], jumps: Mapping[str, Jump]) -> dict[str, Host]:
    """The hosts, in the same order, each with its whole chain of jump hosts.

    Hops are named from the control node outwards. A hop that is the name of an inventory host is that host, the first
    one with its own jump hosts; a user or port given with it counts for this chain. Raises InventoryError for a hop
    that makes no sense and for a circle.
    """
    resolver = _Resolver(hosts, jumps)
    return {name: resolver.resolve(name, ()) for name in hosts}


class _Resolver:
    def __init__(self, hosts: Mapping[str, Host], jumps: Mapping[str, Jump]) -> None:
        self._hosts = hosts
        self._jumps = jumps
        self._done: dict[str, Host] = {}

    def resolve(self, name: str, asking: tuple[str, ...]) -> Host:
        if name in self._done:
            return self._done[name]
        host, jump = self._hosts[name], self._jumps.get(name)
        if jump:
            if len(asking) == _MAX_HOPS:
                raise InventoryError(f"more than {_MAX_HOPS} jump hosts in a row", where=jump.where)
            previous: Host | None = None
            for text in jump.text.split(","):
                previous = self._hop(text.strip(), previous, jump, (*asking, name))
            host = replace(host, jump=previous)
        self._done[name] = host
        return host

    def _hop(self, text: str, previous: Host | None, jump: Jump, asking: tuple[str, ...]) -> Host:
        bare = text.removeprefix("ssh://").rstrip("/")
        match = _HOP.fullmatch(bare)
        if is_ipv6(bare):
            user, address, port = None, bare, None
        elif match:
            user, address, port = match["user"], match["bracketed"] or match["host"], match["port"]
        else:
            raise self._wrong(text, jump)
        given: dict[str, Any] = {}
        try:
            if user:
                given["user"] = parse_user(user)
            if port:
                given["port"] = parse_port(port)
        except ValueError as error:
            raise self._wrong(text, jump) from error
        if address in asking:
            raise self._circle(address, asking)
        if address in self._hosts:
            # OpenSSH does the same: in -J a,b the way to b is a, whatever b itself would ask for.
            hop = self.resolve(address, asking) if previous is None else replace(self._hosts[address], jump=previous)
            if hop.local:
                what = f"the jump host {address} is this machine itself"
                raise InventoryError(what, where=jump.where, remedy="Remove the jump.")
        elif is_address(address):
            hop = Host(name=address, address=address, jump=previous)
        else:
            raise self._wrong(text, jump)
        return replace(hop, **given)

    def _circle(self, name: str, asking: tuple[str, ...]) -> InventoryError:
        circle = " -> ".join((*asking[asking.index(name) :], name))
        return InventoryError(
            f"jump hosts go round in a circle: {circle}",
            where=self._jumps[name].where,
            remedy=f"Write jump: none for {name} if it is reached directly.",
        )

    def _wrong(self, text: str, jump: Jump) -> InventoryError:
        return InventoryError(
            f"{text!r} is not a jump host", where=jump.where, remedy="Write bastion, user@bastion:22, or first,second."
        )
