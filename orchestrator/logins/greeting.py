"""How a host sees us: asked over a new connection, before anything is read of the log that we may be in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping

from orchestrator.inventory.model import Host
from orchestrator.logins.book import Greeting
from orchestrator.ssh import Command, Method, Result, Status
from orchestrator.store.loginboots import Boot

# sudo hides SSH_CONNECTION (sshd writes it, ssh(1)), so it is looked for in the processes above. The start of process 1
# is that of the host, also in a container, whose btime and boot_id are the machine's (proc(5)).
QUESTION = Command(
    r"""c=${SSH_CONNECTION-} p=$$
while [ -z "$c" ] && [ "$p" -gt 1 ] 2>/dev/null; do
    c=$({ tr '\000' '\n' <"/proc/$p/environ" | sed -n 's/^SSH_CONNECTION=//p' | head -n 1; } 2>/dev/null)
    p=$({ sed 's/.*) //' <"/proc/$p/stat" | cut -d ' ' -f 2; } 2>/dev/null)
done
printf 'from %s\n' "${c%% *}"
printf 'kernel %s\n' "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
printf 'boot %s\n' "$(sed -n 's/^btime //p' /proc/stat 2>/dev/null)"
printf 'ticks %s\n' "$({ sed 's/.*) //' </proc/1/stat | cut -d ' ' -f 20; } 2>/dev/null)"
printf 'rate %s\n' "$(getconf CLK_TCK 2>/dev/null || echo 100)"
""",
    timeout=15.0,
    limit=4096,
)
_LINE = re.compile(r"(from|kernel|boot|ticks|rate) ([0-9A-Za-z.:%_@-]{1,80})", re.ASCII)

Run = Callable[[Host, Command], Awaitable[Result]]
"""Pool.run."""


async def greet(host: Host, run: Run, method: Callable[[Host], Method | None]) -> Greeting:
    """Ask `host`; what it does not say is left out. By `method` we came in (Pool.method)."""
    result = await run(host, QUESTION)
    if result.status is not Status.OK:
        return Greeting()
    used = method(host)
    key = used.fingerprint if used and used.kind != "certificate" else ""
    return Greeting("" if host.local else _address(result), key, _boot(_said(result)))


def _said(result: Result) -> dict[str, str]:
    return {match[1]: match[2] for line in result.out.splitlines() if (match := _LINE.fullmatch(line))}


def _address(result: Result) -> str:
    """As events spell it."""
    try:
        ip = ipaddress.ip_address(_said(result).get("from", ""))
    except ValueError:
        return ""
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def _boot(said: Mapping[str, str]) -> Boot:
    try:
        up: float | None = int(said["boot"]) + int(said["ticks"]) / int(said["rate"])
    except (KeyError, ValueError, ZeroDivisionError):
        up = None
    return Boot(said.get("kernel", ""), said.get("ticks", ""), up)
