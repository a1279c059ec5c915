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


# What asyncssh says of a certificate, and what a person can make of it.
_FLAWS = {
    "Certificate expired": "its certificate has expired",
    "Certificate not yet valid": "its certificate is not valid yet, or one of the clocks is wrong",
    "Certificate principal mismatch": "its certificate is for other names than this address",
    "Host CA key is not trusted": "its certificate is by an authority that is not trusted",
    "Invalid certificate type": "its certificate is not one for hosts",
}


def host_key_algorithms(pins: Pins, *, promised: bool = False) -> list[str]:
    """What to ask a server for: pinned kinds first, so that it shows the key we know, then certificates.

    The others follow, so that a server without that kind shows *some* key, and the change can be named. A key that is
    `promised` by its fingerprint has to be seen itself.
    """
    wanted = [name for key in pins.keys for name in _RSA.get(key.algorithm, (key.algorithm,))]
    if pins.authorities and not promised:
        wanted += _CERTIFIED
    return list(dict.fromkeys((*wanted, *_KINDS)))


def distrust(host: Host, pins: Pins, presented: HostKey | None, reason: str) -> NoConnection:
    """What to say of a host whose key was refused for `reason` (asyncssh's words).

    Unknown and changed keys are one error in asyncssh; our own pins tell which it is.
    """
    shown = f"{presented.algorithm} {presented.fingerprint}" if presented else ""
    flaw = next((ours for theirs, ours in _FLAWS.items() if reason.startswith(theirs)), "")
    status = Status.HOST_KEY_CHANGED
    if "revoked" in reason:
        known = ", ".join(key.fingerprint for key in pins.revoked)
        what = "its certificate is by an authority" if "CA key" in reason else "it shows a key"
        detail = f"host key revoked: {what} marked @revoked ({known})"
    elif pins.keys:
        known = ", ".join(f"{key.algorithm} {key.fingerprint}" for key in pins.keys)
        detail = f"host key changed: it shows {shown or 'a certificate we do not trust'}, pinned is {known}"
    elif host.fingerprint and shown:
        detail = f"host key is not the promised one: it shows {shown}, the inventory says {host.fingerprint}"
    else:
        status = Status.HOST_KEY_UNKNOWN
        detail = f"host key unknown: {shown or flaw or reason}"
        if shown and pins.authorities:
            detail += ", and no certificate vouches for it"
    return NoConnection(host.name, status, detail, parked=True)
