"""What the inventory says of a host's bootstrap: who gets in, and who manages it afterwards."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.inventory import Host
from orchestrator.inventory.connection import parse_user

ACCOUNT = "orchestrator"
"""The account that hosts are managed with unless the inventory or a person says otherwise."""

LOGIN_VARIABLE = "bootstrap_user"
"""The host variable with the login that was, and is, bootstrapped with."""


def user_of(host: Host) -> str:
    """Whom the host is reached as; whoever runs this program where the inventory names nobody."""
    return host.user or getpass.getuser()


def login_of(host: Host) -> str:
    """Whom bootstrap and retire log in as. Raises UsageError."""
    return _user(host, LOGIN_VARIABLE) or user_of(host)


def account_of(host: Host) -> str:
    """Whom the host is, or is to be, managed as. Raises UsageError.

    Where the inventory knows both a `bootstrap_user` and a user, the user is that account.
    """
    return _user(host, "bootstrap_account") or (host.user if LOGIN_VARIABLE in host.vars else None) or ACCOUNT


def is_managed(host: Host) -> bool:
    """True if the inventory says that the host was bootstrapped, or that it needs none."""
    return host.local or LOGIN_VARIABLE in host.vars


def wants_root(host: Host) -> bool:
    """False if the inventory says to do without root (``bootstrap_root: false``)."""
    return _flag(host, "bootstrap_root")


def wants_exporter(host: Host) -> bool:
    """False if the inventory says that the host gets no node_exporter, or has none to be scraped."""
    return _flag(host, "bootstrap_exporter") and host.exporter is not None


def wants_release(host: Host) -> bool:
    """False if it gets no node_exporter, or one that the inventory names (``node_exporter_binary``)."""
    return wants_exporter(host) and not host.vars.get("node_exporter_binary")


def behind(host: Host, hosts: Iterable[Host]) -> list[tuple[str, int]]:
    """The addresses and ports of those of `hosts` that are reached through `host`."""
    return sorted(
        {(each.address, each.port) for each in hosts if each.jump is not None and each.jump.name == host.name}
    )


def forwards_of(host: Host, hosts: Iterable[Host]) -> list[str]:
    """Where the account on `host` may forward to: the hosts behind it, and what ``bootstrap_forward_to`` says."""
    said = host.vars.get("bootstrap_forward_to") or []
    if not isinstance(said, list):
        raise UsageError("bootstrap_forward_to is no list", where=f"host {host.name}")
    needed = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address, port in behind(host, hosts)]
    return list(dict.fromkeys([*map(str, said), *needed]))


def method_of(host: Host) -> str:
    """How root is become where the login is not root: ``sudo``, ``su`` or ``doas``."""
    if host.become is not None:
        return host.become.method
    return str(host.vars.get("ansible_become_method") or "sudo").removeprefix("ansible.builtin.")


def _user(host: Host, name: str) -> str | None:
    value: Any = host.vars.get(name)
    if value is None:
        return None
    try:
        return parse_user(value)
    except ValueError as error:
        raise UsageError(f"{name} {value!r} {error}", where=f"host {host.name}") from None


def _flag(host: Host, name: str) -> bool:
    value = host.vars.get(name, True)
    if not isinstance(value, bool):
        raise UsageError(f"{name} is neither true nor false", where=f"host {host.name}")
    return value
