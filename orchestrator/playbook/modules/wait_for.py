"""wait_for: until a port or a file is there, or is gone, or says something."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from typing import Any, Literal

from pydantic import model_validator

from orchestrator.playbook.modules.accounts import EXPAND
from orchestrator.playbook.modules.base import Answer, Arguments, Module, Result, Target, TaskFailed, TaskSkipped
from orchestrator.playbook.modules.fields import TextList, Whole, Words
from orchestrator.playbook.modules.library import library

_PROGRAM = library("wait_for", EXPAND, tidy=True)
_STATES = {
    "ESTABLISHED": "01",
    "SYN_SENT": "02",
    "SYN_RECV": "03",
    "FIN_WAIT1": "04",
    "FIN_WAIT2": "05",
    "TIME_WAIT": "06",
}
_ACTIVE = ["ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "SYN_RECV", "SYN_SENT", "TIME_WAIT"]
_CHUNK = 1 << 20
_OVERLAP = 64 << 10
"""Bytes of a file that are searched again with the next part: a match may stand on the border."""
_GRACE = 30
"""Seconds that a call may take beyond the time it waits."""


class WaitForArguments(Arguments):
    """As Ansible documents them; times in seconds."""

    host: Words = "127.0.0.1"
    port: Whole | None = None
    path: Words | None = None
    state: Literal["absent", "drained", "present", "started", "stopped"] = "started"
    timeout: Whole = 300
    connect_timeout: Whole = 5
    delay: Whole = 0
    sleep: Whole = 1
    search_regex: Words | None = None
    active_connection_states: TextList = _ACTIVE
    exclude_hosts: TextList | None = None
    msg: Words | None = None

    @model_validator(mode="after")
    def _consistent(self) -> WaitForArguments:
        if self.port and self.path:
            raise ValueError("port and path parameter can not both be passed to wait_for")
        if self.path and self.state in ("stopped", "drained"):
            raise ValueError(f"state={self.state} should only be used for checking a port in the wait_for module")
        if self.exclude_hosts is not None and self.state != "drained":
            raise ValueError("exclude_hosts should only be with state=drained")
        if self.state == "drained" and self.port is None:
            raise ValueError("state=drained needs a port")
        for state in self.active_connection_states:
            if state not in _STATES:
                raise ValueError(f"unknown active_connection_state ({state}) defined")
        try:
            re.compile((self.search_regex or "").encode())
        except re.error as error:
            raise ValueError(f"Invalid regular expression: {error}") from None
        return self

    @property
    def gone(self) -> bool:
        """Whether it waits for an end."""
        return self.state in ("absent", "stopped")


class WaitFor(Module[WaitForArguments]):
    """The host itself looks again and again: one exchange, however long it takes.

    With ``search_regex``, which is Python's, what is found is looked at here, an exchange a look.
    """

    name = "ansible.builtin.wait_for"
    check = "none"
    arguments = WaitForArguments

    async def run(self, arguments: WaitForArguments, target: Target) -> Result:
        """Keys as Ansible's. Raises TaskFailed when the time is over."""
        if target.check:
            raise TaskSkipped("remote module (ansible.builtin.wait_for) does not support check mode")
        began = time.monotonic()
        await asyncio.sleep(max(0, arguments.delay))
        found: re.Match[bytes] | None = None
        if arguments.state == "drained":
            met = await _drained(arguments, target)
        elif not arguments.port and not arguments.path:
            await asyncio.sleep(max(0, arguments.timeout))
            met = True
        elif arguments.search_regex is not None and not arguments.gone:
            end = began + arguments.delay + arguments.timeout
            found = await (_heard(arguments, target, end) if arguments.port else _read(arguments, target, end))
            met = found is not None
        else:
            met = await _seen(arguments, target)
        elapsed = int(time.monotonic() - began)
        if not met:
            raise TaskFailed(arguments.msg or _timeout(arguments), elapsed=elapsed)
        # Of what a port says, Ansible does not tell the groups.
        return Result(keys=_keys(arguments, found if arguments.path else None) | {"elapsed": elapsed})


def _keys(arguments: WaitForArguments, found: re.Match[bytes] | None) -> dict[str, Any]:
    def text(value: bytes | None) -> str | None:
        return None if value is None else value.decode("utf-8", "replace")

    return {
        "state": arguments.state,
        "port": arguments.port,
        "path": arguments.path,
        "search_regex": arguments.search_regex,
        "match_groups": [text(group) for group in found.groups()] if found else [],
        "match_groupdict": {name: text(group) for name, group in found.groupdict().items()} if found else {},
    }


def _timeout(arguments: WaitForArguments) -> str:
    place = f"{arguments.host}:{arguments.port}" if arguments.port else str(arguments.path)
    if arguments.state == "drained":
        return f"Timeout when waiting for {place} to drain"
    if arguments.gone:
        return f"Timeout when waiting for {place} to {'stop' if arguments.port else 'be absent'}."
    if arguments.search_regex is not None:
        return f"Timeout when waiting for search string {arguments.search_regex} in {place}"
    return f"Timeout when waiting for {'' if arguments.port else 'file '}{place}"


async def _ask(
    arguments: WaitForArguments, target: Target, call: str, *words: str, seconds: int, until: str = "there"
) -> Answer:
    """One exchange that may take `seconds`. Raises TaskFailed when the host has no means to look at all."""
    answer = await target.sh(
        _PROGRAM,
        call,
        *words,
        timeout=seconds + arguments.connect_timeout + arguments.sleep + _GRACE,
        limit=_CHUNK,
        seconds=seconds,
        until=until,
        host=arguments.host,
        port=arguments.port,
        connect_timeout=max(1, arguments.connect_timeout),
        pause=arguments.sleep,
    )
    if answer.has("failed"):
        raise TaskFailed(answer.get("failed"))
    return answer


async def _seen(arguments: WaitForArguments, target: Target) -> bool:
    """Wait for the port or file to be there, or to be gone."""
    until = "gone" if arguments.gone else "there"
    call = ("wait_port",) if arguments.port else ("wait_path", arguments.path or "")
    answer = await _ask(arguments, target, *call, seconds=arguments.timeout, until=until)
    if not answer.has("met"):
        raise TaskFailed("the host did not tell what it saw", rc=answer.rc)
    return answer.flag("met")


async def _heard(arguments: WaitForArguments, target: Target, end: float) -> re.Match[bytes] | None:
    """Wait until what the other side of a connection says matches: what comes first, then ever more of it."""
    pattern = re.compile((arguments.search_regex or "").encode(), re.MULTILINE)
    patience, pieces = 5, 1
    while (left := end - time.monotonic()) > 0:
        seconds = max(1, min(patience, int(left)))
        answer = await _ask(arguments, target, "wait_hear", str(seconds), str(pieces), seconds=seconds)
        if found := pattern.search(answer.stdout):
            return found
        patience, pieces = min(patience * 2, 60), 1 << 20
        await asyncio.sleep(min(max(0, arguments.sleep), max(0.0, end - time.monotonic())))
    return None


async def _read(arguments: WaitForArguments, target: Target, end: float) -> re.Match[bytes] | None:
    """Wait until the file's content matches. Only what is new of it travels."""
    pattern = re.compile((arguments.search_regex or "").encode(), re.MULTILINE)
    which, offset, tail = "", 0, b""
    while end > time.monotonic():
        answer = await _ask(arguments, target, "wait_read", arguments.path or "", str(offset), str(_CHUNK), seconds=0)
        inode, _, size = answer.get("file").partition(" ")
        if inode != which or (size.isdecimal() and int(size) < offset):
            started_anew = offset > 0
            which, offset, tail = inode, 0, b""
            if started_anew:  # it was rotated or cut: what was just read began in the middle of another
                continue
        content = tail + answer.stdout
        if answer.has("file") and (found := pattern.search(content)):
            return found
        offset += len(answer.stdout)
        tail = content[-_OVERLAP:]
        if len(answer.stdout) < _CHUNK:
            await asyncio.sleep(min(max(0, arguments.sleep), max(0.0, end - time.monotonic())))
    return None


async def _drained(arguments: WaitForArguments, target: Target) -> bool:
    """Wait until no connection to the port is left but those of the hosts that do not count."""
    addresses = await _hexadecimal(arguments, target, [arguments.host])
    excluded = await _hexadecimal(arguments, target, arguments.exclude_hosts or [])
    answer = await _ask(
        arguments,
        target,
        "wait_drained",
        f"{arguments.port:04X}",
        " ".join(_STATES[state] for state in arguments.active_connection_states),
        " ".join(addresses),
        " ".join(excluded),
        seconds=arguments.timeout,
    )
    return answer.flag("met")


async def _hexadecimal(arguments: WaitForArguments, target: Target, hosts: list[str]) -> list[str]:
    """The addresses of `hosts` as /proc/net/tcp and tcp6 spell them; names are looked up on the host."""
    found: list[str] = []
    for host in hosts:
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            answer = await _ask(arguments, target, "wait_resolve", host, seconds=arguments.connect_timeout)
            addresses = [line.split()[0] for line in answer.stdout.decode("ascii", "replace").splitlines() if line]
            if not addresses:
                raise TaskFailed(f"the host cannot look up {host}") from None
        for address in dict.fromkeys(addresses):
            found += _spellings(address)
    return found


def _spellings(address: str) -> list[str]:
    """Of one address: words of 32 bits, each in the byte order of the host, which is taken to be little-endian."""
    try:
        packed = ipaddress.ip_address(address).packed
    except ValueError:
        return []
    words = "".join(packed[at : at + 4][::-1].hex().upper() for at in range(0, len(packed), 4))
    return [words, f"0000000000000000FFFF0000{words}"] if len(packed) == 4 else [words]


MODULE = WaitFor()
