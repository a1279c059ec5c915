"""What ``ansible_ssh_common_args`` and its kin say about the way to a host."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

# Options of ssh(1) that take a value.
_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
# They change whom we reach and as whom, so to leave them out would be to talk to another machine.
_DECIDING = {
    "p": "port",
    "l": "user",
    "i": "key",
    "F": "jump, user and key",
    "port": "port",
    "user": "user",
    "identityfile": "key",
    "hostname": "address",
    "proxyusefdpass": "jump",
}


def find_jump(arguments: str) -> str | None:
    """The jump hosts in arguments for ssh(1), as ``-J`` takes them; None when there are none.

    Understood are ``-J``, ``-o ProxyJump=`` and a ``ProxyCommand`` of the form ``ssh -W %h:%p bastion``. Options that
    change host, port, user or key raise ValueError with the variable to use instead; all others (key exchange,
    multiplexing, ``StrictHostKeyChecking``) are ours to decide and left out. The first value counts, as in ssh.
    """
    for option, value in _options(shlex.split(arguments)):
        if option in ("J", "proxyjump"):
            return value
        if option == "proxycommand":
            return from_proxy_command(value)
        if option in _DECIDING:
            raise ValueError(f"the ssh option {option} is not read here; use {_DECIDING[option]}")
    return None


def from_proxy_command(command: str) -> str:
    """The jump host of a ``ProxyCommand`` that only forwards through ssh; ``none`` for none.

    Raises ValueError for any other command.
    """
    if command.strip().lower() == "none":
        return "none"
    program, *arguments = shlex.split(command) or [""]
    user = port = jump = target = ""
    forwards = False
    for option, value in _options(arguments):
        if not option and not target:
            target = value
        elif option == "W":
            forwards = value in ("%h:%p", "[%h]:%p")
        elif option == "l":
            user = value
        elif option == "p":
            port = value
        elif option in ("J", "proxyjump"):
            jump = value
        elif not option or option in _DECIDING or option == "proxycommand":
            forwards = False
            break
    if not (program.rpartition("/")[2] == "ssh" and forwards and target):
        raise ValueError("the ProxyCommand is none that could be replaced by a jump host; use jump")
    hop = f"{user}@{target}" if user and "@" not in target else target
    hop = f"{hop}:{port}" if port else hop
    return f"{jump},{hop}" if jump else hop


def _options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, those of ``-o`` by their name in small letters; operands under an empty name."""
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("-") or argument == "-":
            yield "", argument
            continue
        letters = argument[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            value = ""
            if letter in _WITH_VALUE:
                value, letters = letters or next(waiting, ""), ""
            if letter == "o":
                name, value = (*re.split(r"\s*=\s*|\s+", value.strip(), maxsplit=1), "")[:2]
                letter = name.lower()
            yield letter, value
