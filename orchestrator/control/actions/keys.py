"""Actions on keys, ours and those of hosts."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.control.action import OnHost, OnHosts, Risk


@dataclass(frozen=True)
class TrustKey(OnHost):
    """Pin a host key."""

    kind = "trust_key"
    risk = Risk.CHANGE
    sentence = "Trust host key {action.fingerprint} of {hosts}"
    fingerprint: str


@dataclass(frozen=True)
class SignHosts(OnHosts):
    """Give hosts a certificate of our own authority."""

    kind = "sign_hosts"
    risk = Risk.CHANGE
    sentence = "Sign the host keys of {hosts} for {action.days} days"
    days: int


@dataclass(frozen=True)
class RevokeKeys(OnHosts):
    """Never accept keys again; the hosts are those that they are of, if of any."""

    kind = "revoke_keys"
    risk = Risk.DESTRUCTIVE
    sentence = "Revoke {action.fingerprints} {hosts}"
    fingerprints: str

    @property
    def summary(self) -> str:
        """The sentence; it ends with the hosts if there are any."""
        return super().summary.rstrip()


@dataclass(frozen=True)
class ForgetKey(OnHost):
    """Forget the pinned host keys of a host."""

    kind = "forget_key"
    risk = Risk.CHANGE
    sentence = "Forget the host keys of {hosts}"


@dataclass(frozen=True)
class RotateKeys(OnHosts):
    """Replace the key that we log in with."""

    kind = "rotate_keys"
    risk = Risk.DESTRUCTIVE
    sentence = "Replace our key on {hosts}"
