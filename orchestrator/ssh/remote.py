"""The text that is sent to a host: how a command is wrapped, started and bounded there.

The line handed to sshd goes through the account's login shell, whichever that is, so it is made of words that sh,
bash, zsh, fish and csh read alike: single quotes around text without quotes, backslashes, newlines or ``!``. The
script itself travels on standard input, in front of the command's own input: no length limit (Linux allows 128 KiB
an argument, execve(2)), no quoting, and nothing of it in ``ps``.

The wrapper first announces itself on standard error with a random token and the id of its process group. That
proves that the command started, and tells what to kill when it has to be stopped. The token also goes into the
environment, which what leaves the session takes along: that is how it is found again.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field

from orchestrator.errors import UsageError
from orchestrator.inventory.model import Become, Host
from orchestrator.ssh.become import entering, unfit_become
from orchestrator.ssh.result import Command

# The name of the environment variable that holds the token.
MARK = "ORCHESTRATOR_RUN"

# The deadline is ours to enforce; the host's own `timeout` only catches the case that we can no longer reach it.
# KILL at once, because GNU timeout then takes the whole process group and every busybox knows the option.
_BACKSTOP_DELAY = 3

# A process that leads no group (sudo's child) gets a session of its own by setsid(1), which keeps the process id as
# the caller is no group leader; group 0 says that nothing could be arranged.
_ANNOUNCE = (
    "s=; g=$$; r=; {{ read -r s </proc/$$/stat; }} 2>/dev/null; set -- ${{s##*) }}; "
    "case $s,$3 in ,*|*,$$) ;; *) if command -v setsid >/dev/null 2>&1; then r=setsid; else g=0; fi;; esac; "
    'export {mark}={token}; echo "{token} $g" >&2; '
)

# $1 is the text of _LOAD.
_WRAPPER = (
    "b=$1; " + _ANNOUNCE + "if command -v timeout >/dev/null 2>&1; then "
    'r="$r timeout -s KILL {backstop}"; fi; exec $r /bin/sh -c "$b" sh'
)

# A password that su did not ask for after all must not be read as a command: what comes before the token is dropped.
_SHELL = _ANNOUNCE + 'while read -r s; do [ "$s" = {token} ] && exec $r /bin/sh; done'

# Reads exactly the script and not a byte more, and runs it only when its end, the token, arrived: half a script
# from a broken connection could mean anything. GNU and busybox dd know fullblock; others refuse it before reading.
_LOAD = (
    "s=$(dd iflag=fullblock bs={size} count=1 2>/dev/null || dd bs=1 count={size} 2>/dev/null); "
    'case $s in *{token}) ;; *) echo "the script arrived incomplete" >&2; exit 255;; esac; '
    'set -- "${{s%{token}}}"; unset s; eval "set --; $1"'
)


@dataclass(frozen=True, slots=True)
class Program:
    """One command as it goes to a host.

    `line` is what the login shell gets, `stdin` the bytes to feed; `token` marks the announcement, and `become` tells
    which question may come before it.
    """

    line: str
    stdin: bytes = field(repr=False)
    token: str
    become: Become | None = None


def become_of(host: Host, command: Command) -> Become | None:
    """Whom `command` runs as on `host`, or None for the login user."""
    return host.become or (Become() if command.become else None)


def unfit(host: Host, command: Command) -> str | None:
    """Why `command` cannot even be asked of `host`, in one line, or None when it can.

    Raises UsageError for what makes no sense on any host.
    """
    if "\0" in command.script:
        raise UsageError("the script holds a NUL byte, which no shell can read", where=f"host {host.name}")
    if not 0 < command.timeout < math.inf or command.limit < 0:
        raise UsageError("timeout must be a number above 0, limit at least 0", where=f"host {host.name}")
    become = become_of(host, command)
    return unfit_become(become) if become is not None else None


def program(become: Become | None, command: Command) -> Program:
    """Wrap `command` to run as `become`; both must be fit (see `unfit`)."""
    token = secrets.token_hex(16)
    script = command.script.encode("utf-8", "surrogateescape") + token.encode()
    load = _LOAD.format(size=len(script), token=token)
    wrapper = _WRAPPER.format(mark=MARK, token=token, backstop=math.ceil(command.timeout) + _BACKSTOP_DELAY)
    return Program(entering(become, token, wrapper, load), script + command.stdin, token, become)


def shell(become: Become | None) -> Program:
    """A shell that reads commands from standard input as `become`, after a line that holds the token."""
    token = secrets.token_hex(16)
    return Program(entering(become, token, _SHELL.format(mark=MARK, token=token)), b"", token, become)
