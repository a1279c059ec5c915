"""Where a task runs and as whom: keywords, and variables that outrank them (Ansible's guide, "Understanding privilege
escalation" and "Controlling how Ansible behaves: precedence rules")."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.inventory.connection import parse_port
from orchestrator.inventory.model import Become, Host
from orchestrator.playbook.engine.keywords import Reading
from orchestrator.playbook.model import BecomeKeywords

AskPassword = Callable[[], Awaitable[str | None]]

_PASSWORDS = ("ansible_become_password", "ansible_become_pass", "ansible_sudo_password", "ansible_sudo_pass")
_UNSET = object()
# Options that change nothing here: what Ansible gives sudo by default, and a shell for accounts without one.
_NEEDLESS = re.compile(r"\s*((-[HSn]+|-s\s+\S+)\s*)*")


class Password:
    """The become password that a person is asked for: at most once in a run, and only when needed."""

    def __init__(self, ask: AskPassword | None, remember: Callable[[str], None]) -> None:
        """`remember` is told of it, so that it is masked wherever it turns up."""
        self._ask = ask
        self._remember = remember
        self._lock = asyncio.Lock()
        self._known: str | None = None

    def given(self, password: str) -> str:
        """`password`, known from elsewhere and now as a secret."""
        self._remember(password)
        return password

    async def get(self) -> str | None:
        """The password, or None when nobody can be asked or there is none."""
        if self._ask is None:
            return None
        async with self._lock:
            if self._known is None:
                self._known = await self._ask() or ""
                if self._known:
                    self._remember(self._known)
        return self._known or None


async def become_of(
    host: Host, keywords: BecomeKeywords, variables: Mapping[str, Any], reading: Reading, password: Password
) -> Become | None:
    """Whom the task runs as on `host`; None for the login user. `variables` are those of the place where it runs."""

    def choose(name: str, keyword: Any, default: Any) -> Any:
        value = variables.get(name, _UNSET)
        value = reading.rendered(keyword if value is _UNSET or value is None else value)
        return default if value is None else value

    # The inventory's own short name, ``become``, has been read into the host.
    asked = variables.get("ansible_become", _UNSET)
    wanted = keywords.become if asked is _UNSET and host.become is None else True if asked is _UNSET else asked
    if not reading.flag(wanted, "become"):
        return None
    inventory = host.become or Become()
    method = str(choose("ansible_become_method", keywords.method, inventory.method))
    secret = next((reading.rendered(variables[name]) for name in _PASSWORDS if name in variables), None)
    flags = str(choose("ansible_become_flags", keywords.flags, ""))
    if not _NEEDLESS.fullmatch(flags):
        what = f"become_flags {flags!r} is not supported"
        raise UsageError(what, remedy="Leave it out; -H -S -n of sudo and -s SHELL of su go by themselves.")
    return Become(
        method=method.removeprefix("ansible.builtin."),
        user=str(choose("ansible_become_user", keywords.user, inventory.user)),
        password=password.given(str(secret)) if secret is not None else inventory.password or await password.get(),
    )


def reach_of(host: Host, variables: Mapping[str, Any], reading: Reading, remote_user: Any = None) -> Host:
    """`host` as it is to be reached: a play, ``-e`` or ``set_fact`` may say otherwise than the inventory.

    `remote_user`, the keyword, counts only where no variable names the user.
    """
    changes: dict[str, Any] = {}
    if remote_user is not None and host.user is None and not host.local:
        changes["user"] = str(reading.rendered(remote_user))
    for name, field, convert in _REACH:
        value = variables.get(name)
        if value is None or value is host.vars.get(name):
            continue
        try:
            changed = convert(reading.rendered(value))
        except ValueError as error:
            raise UsageError(f"{name} of {host.name} {error}") from None
        if changed != getattr(host, field):
            changes[field] = changed
    return replace(host, **changes) if changes else host


_REACH: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("ansible_host", "address", str),
    ("ansible_port", "port", parse_port),
    ("ansible_user", "user", str),
    ("ansible_connection", "local", lambda value: str(value).removeprefix("ansible.builtin.") == "local"),
)
