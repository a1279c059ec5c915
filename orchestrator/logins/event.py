"""What one line of a host's log says about who came in, who tried, and who left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What happened."""

    LOGIN = "login"
    FAILED = "failed"
    INVALID_USER = "invalid_user"  # once a connection: a name that is unknown, or that may not log in
    SESSION_OPENED = "session_opened"
    SESSION_CLOSED = "session_closed"
    DISCONNECTED = "disconnected"
    SUDO = "sudo"
    SU = "su"
    PROBE = "probe"  # a connection that never came to a login
    THROTTLED = "throttled"  # sshd turned connections away
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LoginEvent:
    """One line, understood.

    Text that nothing is known of is ``""``, and so is all that two readings of the line would tell differently: who
    chose a strange name may hide from a line, never put another's name or address into it. All text is on one line and
    printable, but comes from whoever tried: it is data to show, never a template, a path or a command.
    """

    time: float
    """Seconds since the epoch, UTC; by the host's clock."""
    host: str
    """The host's name in the inventory, or when nobody said, what the line calls it."""
    kind: Kind
    user: str = ""
    """Of the host, or as the peer spelled it."""
    address: str = ""
    """The peer's address as `ipaddress` spells it, IPv4 in IPv6 unwrapped; a name where sshd resolves names."""
    port: int | None = None
    method: str = ""
    """As sshd calls it (``publickey``, ``keyboard-interactive/pam``), else the PAM service (``login``, ``cockpit``)."""
    session: str = ""
    """logind's id of the session, or the terminal of a sudo, su or console login."""
    source: str = ""
    """``journal``, or the name of the file."""
    verified: bool = False
    """Whether the kernel vouches for who wrote it (see `journal.trust`). Any local user can write to a file's log."""
    count: int = 1
    """How many times it happened. 0: another line counts the same attempt, login or session; this one tells more."""
    line: str = ""
    """The line as it came, cut and made safe to show."""
    key: str = ""
    """``ED25519 SHA256:...``, the type and fingerprint of the key, and the ID of a certificate where there is one."""
    program: str = ""
    """Who wrote the line: ``sshd-session``."""
    pid: int | None = None
    """Of who wrote it; a `login` by sshd and its `session_opened` and `session_closed` share one."""
    target: str = ""
    """The account that sudo or su made the user."""
    ok: bool | None = None
    """Of a `sudo` or `su`: whether it was allowed. True of a login, False of a failure, None of anything else."""
    detail: str = ""
    """sudo's command, the reason of a refusal, a peer's parting words."""
    pattern: str = ""
    """Which pattern of patterns.toml it is."""
    stamp: float | None = None
    """What the host's clock said, where that cannot be (see `times.believed`): then `time` is when it was read."""

    def to_json(self) -> dict[str, Any]:
        """The keys of ``logins --json``, in their order: the promised ones first."""
        return {
            "time": _iso(self.time),
            "host": self.host,
            "kind": self.kind.value,
            "user": self.user,
            "address": self.address,
            "port": self.port,
            "method": self.method,
            "session": self.session,
            "source": self.source,
            "verified": self.verified,
            "count": self.count,
            "line": self.line,
            "key": self.key,
            "program": self.program,
            "pid": self.pid,
            "target": self.target,
            "ok": self.ok,
            "detail": self.detail,
            "pattern": self.pattern,
            "stamp": None if self.stamp is None else _iso(self.stamp),
        }


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds")
