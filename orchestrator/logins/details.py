"""What is nice to know of a login, and not worth waiting for: the name of its address, and whose key it was."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import shlex
import socket
from collections.abc import Awaitable, Callable

from orchestrator.inventory.model import Host
from orchestrator.logins.keyfiles import keys_in
from orchestrator.ssh import Command, Result, Status
from orchestrator.store.loginsessions import SessionRow

LOOK_S = 5.0
_LARGEST = 256 << 10
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?", re.ASCII)
# Who may not read it says nothing; where authorized_keys is elsewhere (AuthorizedKeysFile, sshd_config(5)), nor do we.
_KEYS = 'h=$(getent passwd {user} | cut -d : -f 6) && [ -n "$h" ] && head -c {most} "$h/.ssh/authorized_keys"'

Run = Callable[[Host, Command], Awaitable[Result]]
"""Pool.run."""


async def reverse_name(address: str) -> str:
    """The name of an address of the internet that its name's own address confirms; empty when there is none.

    Whoever owns an address chooses its name, so one that does not lead back proves nothing (RFC 1912, section 2.1).
    Private addresses are not asked about: that would tell a stranger's name server of them.
    """
    try:
        if not ipaddress.ip_address(address).is_global:
            return ""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LOOK_S):
            name, _ = await loop.getnameinfo((address, 0), socket.NI_NAMEREQD)
            found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError):  # TimeoutError is an OSError
        return ""
    return name if address in {each[4][0] for each in found} else ""


async def comment_of(row: SessionRow, host: Host, run: Run) -> str:
    """What the host's own authorized_keys says of the key of a login, where we may read it; empty if nothing."""
    wanted = row.key.rpartition(" ")[2]
    if not wanted or not _USER.fullmatch(row.user):
        return ""
    command = Command(_KEYS.format(user=shlex.quote(row.user), most=_LARGEST), timeout=LOOK_S, limit=2 * _LARGEST)
    result = await run(host, command)
    if result.status is not Status.OK:
        return ""
    return await asyncio.to_thread(_comment, row.user, result.stdout, wanted)  # a host may send what is slow to read


def _comment(user: str, content: bytes, wanted: str) -> str:
    return next((key.comment for key in keys_in(user, content) if key.fingerprint == wanted), "")
