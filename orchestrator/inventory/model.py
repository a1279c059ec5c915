"""Hosts as values: what the inventory says of each, and nothing that changes while we run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from orchestrator.inventory.routes import Routes

NO_VARS: Mapping[str, Any] = MappingProxyType({})
EXPORTER = ("127.0.0.1", 9100)
"""Where node_exporter listens unless a host says otherwise."""


@dataclass(frozen=True, slots=True)
class Become:
    """How to act as another user on a host (Ansible's ``ansible_become_*``)."""

    method: str = "sudo"
    user: str = "root"
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of the inventory.

    Two hosts are equal when they are reached in the same way; `groups`, `vars`, `labels`, `exporter` and `routes` do
    not count, so a connection survives an edit that does not concern it. `jump` is the host to go through (ProxyJump),
    itself perhaps behind another. `key` is a private key file; `fingerprint` a host key promised by the inventory
    (``SHA256:...``). `local` is the control node itself: no SSH at all. `become` is None unless the host asks for it
    (``ansible_become: true``). `exporter` is where its node_exporter listens as the host itself sees it, None when it
    has none; with `direct`, Prometheus reads it there by itself, not through SSH. `login_log` is the file that its sshd
    logs to, where that is neither the journal nor one of those that every system has.
    """

    name: str
    address: str
    port: int = 22
    user: str | None = None
    key: str | None = None
    jump: Host | None = None
    become: Become | None = None
    fingerprint: str | None = None
    local: bool = False
    login_log: str = ""
    exporter: tuple[str, int] | None = field(default=EXPORTER, compare=False)
    direct: bool = field(default=False, compare=False)
    groups: tuple[str, ...] = field(default=(), compare=False)
    vars: Mapping[str, Any] = field(default_factory=lambda: NO_VARS, compare=False, repr=False)
    labels: Mapping[str, str] = field(default_factory=lambda: NO_VARS, compare=False, repr=False)
    routes: Routes = field(default=Routes(), compare=False, repr=False)
