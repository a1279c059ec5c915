"""Getting into a surveyed host, and becoming root there, in the way that was found to work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orchestrator.bootstrap.model import Credentials, Root, Surveyed
from orchestrator.bootstrap.names import method_of
from orchestrator.inventory import Become, Host
from orchestrator.ssh import Pool, Shell


def as_login(found: Surveyed) -> Host:
    """The host, reached as the login user and as nobody else."""
    return replace(found.host, user=found.login, become=None)


def as_account(found: Surveyed) -> Host:
    """The host, reached as the account that it is managed with."""
    return replace(found.host, user=found.account, become=None)


def become_password(host: Host, credentials: Credentials) -> str | None:
    """What to answer sudo, su or doas on `host`: what was given for that, what the inventory has, the login's own."""
    known = host.become.password if host.become is not None else None
    return credentials.become or known or credentials.login


class Ways:
    """Opens prepared shells for a playbook: each of the `surveyed` hosts as its login user, root as it was found.

    A playbook only says that a task needs root; whether that takes sudo, a password or nothing is known here. Where
    root cannot be had, all runs as the login user: the playbook is told by ``bootstrap_root``.
    """

    def __init__(self, pool: Pool, surveyed: Mapping[str, Surveyed], credentials: Credentials) -> None:
        self._pool = pool
        self._surveyed = surveyed
        self._credentials = credentials

    def shell(self, host: Host, become: Become | None) -> Shell:
        """A prepared shell on `host`, named as in the inventory; see Pool.shell."""
        found = self._surveyed.get(host.name)
        if found is None:  # somebody a task was delegated to
            return self._pool.shell(host, become)
        return self._pool.shell(as_login(found), self._become(found, become))

    def _become(self, found: Surveyed, wanted: Become | None) -> Become | None:
        if wanted is None or found.root is Root.NONE:
            return None
        if found.root is Root.ALREADY:  # root needs no sudo, and many a host has none
            return None if wanted.user == "root" else Become("su", wanted.user)
        password = become_password(found.host, self._credentials) if found.root is Root.PASSWORD else None
        return Become(method_of(found.host), wanted.user, password)
