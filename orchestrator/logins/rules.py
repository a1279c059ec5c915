"""Which logins are told: what somebody set, resolved for one host. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from orchestrator.errors import UsageError
from orchestrator.inventory import Inventory
from orchestrator.store.loginrules import LoginRuleRow
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind

_SHORTEST = {4: 8, 6: 16}
"""Prefix lengths: a typo must not silence the whole internet."""

Scopes = Callable[[str], Sequence[Scope]]
"""The name of a host -> whose rules are for it, the strongest first."""


class RuleKind(StrEnum):
    """What can be set."""

    KNOWN = "known"
    """Logins from a network are not told."""
    QUIET = "quiet"
    """Logins of a user are not told."""
    TELL = "tell"
    """Whether what a `Choice` names is told."""


class Choice(StrEnum):
    """What is told only where somebody wants it."""

    SUDO = "sudo"
    SU = "su"
    ACCOUNTS = "accounts"
    KEYS = "keys"
    """New keys in authorized_keys."""


def parse_rule(kind: str, value: str) -> tuple[RuleKind, str]:
    """What is to be set, as it is kept: a network in CIDR, a user, a choice. Raises UsageError."""
    try:
        known = RuleKind(kind)
    except ValueError:
        raise UsageError(f"{kind!r} is nothing to set", remedy=f"Say one of: {', '.join(RuleKind)}") from None
    if known is RuleKind.TELL:
        if value not in list(Choice):
            raise UsageError(f"{value!r} is nothing to tell", remedy=f"Say one of: {', '.join(Choice)}")
        return known, value
    if known is RuleKind.QUIET:
        if not value or len(value) > 100 or not value.isprintable() or any(char.isspace() for char in value):
            raise UsageError("this is no name of a user", remedy="Say the name as the host has it")
        return known, value
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise UsageError(f"{value[:60]!r} is no network", remedy="Say 192.0.2.0/24, or an address") from None
    if network.prefixlen < _SHORTEST[network.version]:
        shortest = _SHORTEST[network.version]
        raise UsageError(f"{network} is too large to be known", remedy=f"Say one of /{shortest} or smaller")
    return known, str(network)


def scopes_of(inventory: Inventory, host: str) -> Sequence[Scope]:
    """Whose rules are for a host: its own, its groups' (the deepest first), the fleet's."""
    own = Scope(ScopeKind.HOST, host)
    if host not in inventory.hosts:
        return (own, FLEET)
    groups = reversed(inventory.groups_of(inventory.hosts[host]))
    return (own, *(Scope(ScopeKind.GROUP, group) for group in groups), FLEET)


class LoginRules:
    """What was set, as it is for one host: the rules of `scopes`, the strongest first."""

    def __init__(self, rows: Iterable[LoginRuleRow], scopes: Sequence[Scope]) -> None:
        order = {scope: number for number, scope in enumerate(scopes)}
        self._rows = sorted((row for row in rows if row.scope in order), key=lambda row: order[row.scope])

    def quiet(self, user: str, address: str) -> str:
        """Why a login is not told: ``known 192.0.2.0/24 (fleet)``; empty when it is."""
        row = self._known(address) or next(
            (row for row in self._rows if row.kind == RuleKind.QUIET and row.value == user), None
        )
        return f"{row.kind} {row.value} ({row.scope})" if row and row.on else ""

    def tells(self, choice: Choice) -> bool:
        """Whether somebody wants to be told of it."""
        rows = (row for row in self._rows if row.kind == RuleKind.TELL and row.value == choice)
        return next((row.on for row in rows), False)

    def _known(self, address: str) -> LoginRuleRow | None:
        """The rule that decides about an address: of the strongest scope that has one, the narrowest network."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return None
        fitting = [
            (row, network.prefixlen)
            for row in self._rows
            if row.kind == RuleKind.KNOWN and ip in (network := ipaddress.ip_network(row.value))
        ]
        if not fitting:
            return None
        strongest = fitting[0][0].scope
        chosen, _ = max((each for each in fitting if each[0].scope == strongest), key=lambda each: each[1])
        return chosen if chosen.on else None
