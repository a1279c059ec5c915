"""The accounts of a host that our key may open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.inventory import Host


def accounts_of(host: Host) -> Iterator[Host]:
    """`host` itself, and the account that bootstrap and retire come in by (``bootstrap_user``), if that is another.

    The second is a host of its own for as long as a rotation lasts, called ``web1 as root``.
    """
    yield host
    user = host.vars.get("bootstrap_user")
    if isinstance(user, str) and user not in ("", host.user):
        yield replace(host, name=f"{host.name} as {user}", user=user, become=None)


def is_way_in(host: Host) -> bool:
    """True for an account that is only there for bootstrap: it may be opened by a password, or by nobody any more."""
    return host.name.endswith(f" as {host.user}")  # no name in an inventory holds a blank


def account_of(host: Host) -> str:
    """Which account of which machine `host` stands for: what was done there is not done elsewhere."""
    way = f" through {account_of(host.jump)}" if host.jump else ""
    return f"{host.user or ''}@{host.address}:{host.port}{way}"
