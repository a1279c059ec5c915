"""Judging a host key: which kinds to ask a server for, and what to say of one that is not trusted."""

from __future__ import annotations

from orchestrator.inventory.model import Host
from orchestrator.ssh.failure import NoConnection
from orchestrator.ssh.result import Status
from orchestrator.ssh.trust import HostKey, Pins

_KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_CERTIFIED = tuple(f"{name}-cert-v01@openssh.com" for name in _KINDS)
_RSA = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def host_key_algorithms(pins: Pins) -> list[str]:
    """What to ask a server for: pinned kinds first, so that it shows the key we know.

    The others follow, so that a server without that kind shows *some* key, and the change can be named.
    """
    wanted = [name for key in pins.keys for name in _RSA.get(key.algorithm, (key.algorithm,))]
    if pins.authorities:
        wanted += _CERTIFIED
    return list(dict.fromkeys((*wanted, *_KINDS)))


def distrust(host: Host, pins: Pins, presented: HostKey | None, reason: str) -> NoConnection:
    """What to say of a host whose key was refused for `reason` (asyncssh's words).

    Unknown and changed keys are one error in asyncssh; our own pins tell which it is.
    """
    shown = f"{presented.algorithm} {presented.fingerprint}" if presented else ""
    status = Status.HOST_KEY_CHANGED
    if "revoked" in reason:
        known = ", ".join(key.fingerprint for key in pins.revoked)
        detail = f"host key revoked: it shows a key marked @revoked ({known})"
    elif pins.keys:
        known = ", ".join(f"{key.algorithm} {key.fingerprint}" for key in pins.keys)
        detail = f"host key changed: it shows {shown or 'a certificate we do not trust'}, pinned is {known}"
    elif pins.authorities:
        status = Status.HOST_KEY_UNKNOWN
        detail = f"host key unknown: {shown or reason}, and no certificate of a pinned authority vouches for it"
    elif host.fingerprint:
        detail = f"host key is not the promised one: it shows {shown}, the inventory says {host.fingerprint}"
    else:
        status = Status.HOST_KEY_UNKNOWN
        detail = f"host key unknown: {shown}"
    return NoConnection(host.name, status, detail, parked=True)
