"""Which modules there are, by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from orchestrator.playbook.modules.base import Module

_BUILTIN = "ansible.builtin."

# Short name -> file in this folder, which holds the one instance as MODULE.
_FILES = {
    **{
        name: name
        for name in (
            "apt", "blockinfile", "command", "copy", "cron", "debug", "dnf", "fail", "fetch", "file", "get_url",
            "getent", "group", "hostname", "include_vars", "lineinfile", "package", "pause", "ping", "raw", "reboot",
            "replace", "script", "service", "set_fact", "setup", "shell", "slurp", "stat", "systemd", "template",
            "unarchive", "user", "wait_for", "wait_for_connection",
        )
    },
    "assert": "assert_",
    "gather_facts": "setup",
    "systemd_service": "systemd",
}  # fmt: skip

OTHER_NAMES = {"yum": "dnf"}
"""Short names that mean another module, which reports, results and defaults then name, as Ansible's redirects do."""

MODULES: dict[str, str] = {_BUILTIN + name: file for name, file in _FILES.items()} | {
    "ansible.posix.authorized_key": "authorized_key"
}
"""Full names of all modules, with the file of each."""

# The engine's own: they steer the run and never reach a host.
ENGINE = frozenset(_BUILTIN + name for name in ("include_tasks", "import_tasks", "import_role", "include_role", "meta"))


def canonical(name: str) -> str | None:
    """The full name of the module or engine task that `name` means (``copy``, ``ansible.legacy.copy``), or None."""
    bare = name.removeprefix("ansible.legacy.").removeprefix(_BUILTIN)
    bare = OTHER_NAMES.get(bare, bare)
    for full in (name, _BUILTIN + bare, "ansible.posix." + bare):
        if full in MODULES or full in ENGINE:
            return full
    return None


@cache
def module(name: str) -> Module[Any]:
    """The module of the full name `name`. Raises KeyError for one that does not exist."""
    loaded = import_module(f"orchestrator.playbook.modules.{MODULES[name]}")
    instance = loaded.MODULE
    assert isinstance(instance, Module)
    return instance
