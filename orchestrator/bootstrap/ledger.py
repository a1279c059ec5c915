"""What the inventory is told of a bootstrapped, or retired, host: only ever after the proof."""

from __future__ import annotations

from typing import Any

from orchestrator.bootstrap.model import Step, Surveyed
from orchestrator.bootstrap.names import LOGIN_VARIABLE
from orchestrator.errors import OrchestratorError
from orchestrator.inventory import Host
from orchestrator.inventory.connection import SYNONYMS
from orchestrator.inventory.edit import Editor
from orchestrator.ssh import Trust

_NAME = "inventory"


class Ledger:
    """Writes through `editor`, one host at a time. What cannot be written is a step that was not done."""

    def __init__(self, editor: Editor, trust: Trust) -> None:
        self._editor = editor
        self._trust = trust

    def managed(self, found: Surveyed) -> Step:
        """The host is managed as its account from now on, and was bootstrapped as its login."""
        changes: dict[str, Any] = {}
        if found.host.user != found.account:
            changes[_spelling_of_user(found.host)] = found.account
        if found.host.vars.get(LOGIN_VARIABLE) != found.login:
            changes[LOGIN_VARIABLE] = found.login
        told = ", ".join(f"{name}: {value}" for name, value in changes.items())
        return self._set(found, changes, f"says {told}" if changes else "says so already")

    def retired(self, found: Surveyed) -> Step:
        """The host is reached as its login again."""
        if LOGIN_VARIABLE not in found.host.vars:
            return Step(found.host.name, _NAME, True, "does not call it managed")
        user = _spelling_of_user(found.host)
        own: dict[str, Any] = {user: None, LOGIN_VARIABLE: None}
        try:
            edit = self._editor.set(found.host.name, own)
            if edit.inventory.hosts[found.host.name].user != found.login:
                own[user] = found.login  # no group says it
        except OrchestratorError:
            own[user] = found.login
        return self._set(found, own, f"says that {found.login} logs in, as before")

    def forgotten(self, found: Surveyed) -> Step:
        """The host is no more, and its pinned key neither."""
        name = found.host.name
        try:
            self._editor.write(self._editor.remove(name))
            self._trust.forget(found.host)
        except OrchestratorError as error:
            return Step(name, _NAME, False, str(error))
        return Step(name, _NAME, True, "has forgotten it, and its pinned key")

    def _set(self, found: Surveyed, changes: dict[str, Any], told: str) -> Step:
        name = found.host.name
        try:
            if changes:
                self._editor.write(self._editor.set(name, changes))
        except OrchestratorError as error:
            return Step(name, _NAME, False, f"was not changed: {error}")
        return Step(name, _NAME, True, told)


def _spelling_of_user(host: Host) -> str:
    """What the inventory calls the user of a host: another name for the same thing beside it would contradict it."""
    return next((name for name in SYNONYMS["user"] if name in host.vars), "user")
