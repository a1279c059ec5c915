"""Other people's lists of hosts: the old system's ``agent_name_ip.txt``, and an ``ssh_config``."""

from __future__ import annotations

import fnmatch
import re
import shlex
from dataclasses import dataclass, field

from orchestrator.errors import InventoryError
from orchestrator.inventory.graph import Graph
from orchestrator.inventory.names import is_address, split_port
from orchestrator.inventory.sshargs import from_proxy_command
from orchestrator.inventory.variables import Var, Vars

AGENT_NAMES = "agent_name_ip.txt"
SSH_CONFIG = "ssh_config"

_SERVER = "Server"


def read_agent_names(text: str, label: str, graph: Graph) -> None:
    """Add the hosts of an ``agent_name_ip.txt``: lines of ``name address:port``.

    The port there is node_exporter's, not SSH's, so it is left out. The host ``Server`` is the machine that the old
    system ran on, and becomes local. Raises InventoryError with file and line.
    """
    seen: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{label}:{number}"
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise InventoryError(
                f"{line.strip()!r} is not a name and an address", where=where, remedy="Write: web1 10.0.0.1:9100"
            )
        name, target = words
        address = (split_port(target) or (target, None))[0]
        if not is_address(address):
            raise InventoryError(f"{target!r} is not an address", where=where, remedy="Write: web1 10.0.0.1:9100")
        if name in seen:
            raise InventoryError(
                f"{name} is given twice, first in {seen[name]}", where=where, remedy="Remove one of them."
            )
        seen[name] = where
        host = graph.add_host(name, graph.groups["ungrouped"], where)
        graph.set_host_var(host, "ansible_host", Var(address, where))
        if name == _SERVER:
            graph.set_host_var(host, "ansible_connection", Var("local", where))


def read_ssh_config(text: str, label: str, graph: Graph) -> None:
    """Add the hosts that an ``ssh_config`` names in full (``Host web1 web2``; patterns only lend their settings).

    Read are HostName, Port, User, IdentityFile, ProxyJump, and ProxyCommand where it is a jump. As in ssh_config(5) the
    first value counts. Raises InventoryError with file and line, also for Match and Include, which are not followed.
    """
    blocks = _blocks(text, label)
    for block in blocks:
        for name in filter(_is_plain, block.patterns):
            host = graph.add_host(name, graph.groups["ungrouped"], block.where)
            for variable, var in _settings(name, blocks).items():
                graph.set_host_var(host, variable, var)


@dataclass(slots=True)
class _Block:
    where: str
    patterns: list[str]
    settings: list[tuple[str, Var]] = field(default_factory=list)

    def covers(self, name: str) -> bool:
        if any(fnmatch.fnmatchcase(name, pattern[1:]) for pattern in self.patterns if pattern.startswith("!")):
            return False
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)


_VARIABLES = {
    "hostname": "ansible_host",
    "port": "ansible_port",
    "user": "ansible_user",
    "identityfile": "ansible_ssh_private_key_file",
    "proxyjump": "jump",
    "proxycommand": "jump",
}


def _blocks(text: str, label: str) -> list[_Block]:
    blocks = [_Block(f"{label}:1", ["*"])]
    for number, line in enumerate(text.splitlines(), start=1):
        where, stripped = f"{label}:{number}", line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        keyword, value = (*re.split(r"\s*=\s*|\s+", stripped, maxsplit=1), "")[:2]
        keyword = keyword.lower()
        if keyword in ("match", "include"):
            raise InventoryError(
                f"{keyword.capitalize()} is not read here", where=where, remedy="Write Host blocks in its place."
            )
        try:
            if keyword == "host":
                blocks.append(_Block(where, shlex.split(value, comments=True)))
            elif keyword in _VARIABLES:
                variable, setting = _setting(keyword, value)
                blocks[-1].settings.append((variable, Var(setting, where)))
        except ValueError as error:
            raise InventoryError(f"{stripped!r} cannot be read: {error}", where=where) from error
    return blocks


def _setting(keyword: str, value: str) -> tuple[str, str]:
    if keyword == "proxycommand":
        return "jump", from_proxy_command(value)
    words = shlex.split(value, comments=True)
    if len(words) != 1:
        raise ValueError("one value is expected")
    return _VARIABLES[keyword], words[0]


def _settings(name: str, blocks: list[_Block]) -> Vars:
    found: Vars = {}
    for block in blocks:
        if block.covers(name):
            for variable, var in block.settings:
                found.setdefault(variable, var)
    if "ansible_host" in found:
        value, where = found["ansible_host"]
        found["ansible_host"] = Var(re.sub("%([%h])", lambda sign: name if sign[1] == "h" else "%", value), where)
    return found


def _is_plain(name: str) -> bool:
    return not any(sign in name for sign in "*?!")
