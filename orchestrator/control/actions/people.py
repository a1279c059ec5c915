"""Actions about those who log in."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.control.action import OnHost, OnHosts, Risk


@dataclass(frozen=True)
class ListSessions(OnHosts):
    """See who is logged in."""

    kind = "list_sessions"
    risk = Risk.READ
    sentence = "List the sessions of {hosts}"


@dataclass(frozen=True)
class ListLogins(OnHosts):
    """See who came in and who tried, as far as it is put down here."""

    kind = "list_logins"
    risk = Risk.READ
    sentence = "List the logins of {hosts}"


@dataclass(frozen=True)
class SetLoginRule(OnHosts):
    """Set which logins are told, for a `scope` (``fleet``, ``group web``, ``host web1``), or take that back.

    `rule` is ``known 192.0.2.0/24``, ``quiet USER`` or ``tell sudo``; `state` is on, off or default.
    """

    kind = "set_login_rule"
    risk = Risk.CHANGE
    sentence = "Set of logins of {action.scope}: {action.rule} {action.state}"
    scope: str
    rule: str
    state: str


@dataclass(frozen=True)
class KickSession(OnHost):
    """End a session with all that runs in it; `session` is its id, `leader` its process as PID:TICKS."""

    kind = "kick_session"
    risk = Risk.DESTRUCTIVE
    sentence = "End session {action.session} of {action.user} on {hosts}"
    session: str
    user: str
    leader: str


@dataclass(frozen=True)
class ListBlocks(OnHosts):
    """See which addresses are blocked."""

    kind = "list_blocks"
    risk = Risk.READ
    sentence = "List the blocked addresses of {hosts}"


@dataclass(frozen=True)
class BlockAddress(OnHosts):
    """Drop what comes from an address, for `seconds`; None: until it is lifted, also after a reboot."""

    kind = "block_address"
    risk = Risk.DESTRUCTIVE
    sentence = "Block {action.address} on {hosts} {action.time}"
    address: str
    seconds: int | None

    @property
    def time(self) -> str:
        """How long, in words."""
        return "for good" if self.seconds is None else f"for {self.seconds} s"


@dataclass(frozen=True)
class UnblockAddress(OnHosts):
    """Take again what comes from an address."""

    kind = "unblock_address"
    risk = Risk.CHANGE
    sentence = "Unblock {action.address} on {hosts}"
    address: str
