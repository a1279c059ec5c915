"""What may become a variable of what a host tells of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Facts outrank the inventory, so a host must not be able to say by a fact (the name of a network interface is
# enough) where it is reached and with which password. The names are those that ansible-core removes
# (vars/clean.py, constants.MAGIC_VARIABLE_MAPPING).
_CONNECTION = re.compile(
    r"ansible_(?:become.*|(?:ssh|sudo|su|doas|winrm|psrp|docker|paramiko|paramiko_ssh|local)_(?!host_key_).*"
    r"|connection(?:_user)?|host|user|password|port|timeout|pipelining|private_key_file|module_compression"
    r"|shell_type|shell_executable|network_os|(?:sftp|scp)_extra_args|docker_extra_args|rsync_path|playbook_python"
    r"|facts|.*_interpreter)"
)
_NOT_FACTS = frozenset(("add_host", "add_group"))


def injected(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` as variables of their own names, without those that would steer the connection."""
    return {name: value for name, value in facts.items() if _harmless(name)}


def namespaced(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`facts` as they stand in ``ansible_facts``, without their prefix ``ansible_`` (vars/clean.py)."""
    return {name.removeprefix("ansible_") if name != "ansible_local" else name: value for name, value in facts.items()}


def _harmless(name: str) -> bool:
    return not (_CONNECTION.fullmatch(name) or name in _NOT_FACTS or name.startswith("_ansible_"))
