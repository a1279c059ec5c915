"""SSH certificates (PROTOCOL.certkeys): what we sign for one login of our own, and for hosts."""

from __future__ import annotations

import ipaddress
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate

from orchestrator.errors import UsageError
from orchestrator.inventory.model import Host
from orchestrator.ssh.trust import HostKey

# Clocks differ. A host that is further off refuses our certificate and is logged in to with a plain key.
_AHEAD = timedelta(minutes=5)
_BEHIND = timedelta(minutes=5)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A host certificate: `line` as in a -cert.pub file, for `key`, valid for `principals` until `until` (aware), by
    the key with the fingerprint `authority`."""

    key: HostKey
    principals: tuple[str, ...]
    until: datetime
    authority: str
    line: str

    @classmethod
    def parse(cls, text: str) -> HostCertificate:
        """From the text of a -cert.pub file. Raises ValueError."""
        found = asyncssh.import_certificate(text)
        if not isinstance(found, SSHOpenSSHCertificate):
            raise ValueError("not an OpenSSH certificate")
        seconds = min(found._valid_before, _END_OF_TIME - 1)  # noqa: SLF001  asyncssh tells it nowhere else
        until = datetime.fromtimestamp(seconds, UTC)
        authority = found.signing_key.get_fingerprint()
        return cls(HostKey.of(found.key), tuple(found.principals), until, authority, text.strip())


def host_certificate(
    authority: asyncssh.SSHKey, public_host_key: str, principals: Sequence[str], validity: timedelta, name: str
) -> HostCertificate:
    """A certificate by `authority` for the host with this public key line, to be reached as `principals`.

    Raises UsageError when it would be for any name or for no time: OpenSSH takes a host certificate without principals
    for every host there is.
    """
    if not principals or any(not one or any(letter in one for letter in ",*? \n") for one in principals):
        raise UsageError("a host certificate needs the names or addresses it is for", where=name)
    if validity <= timedelta():
        raise UsageError("a certificate must be valid for some time", where=name)
    try:
        key = asyncssh.import_public_key(public_host_key)
    except asyncssh.KeyImportError as error:
        raise UsageError("not a public key", where=name) from error
    now = time.time()
    made = authority.generate_host_certificate(
        key,
        key_id=name,
        serial=time.time_ns(),
        principals=[one.lower() for one in principals],
        valid_after=int(now - _BEHIND.total_seconds()),
        valid_before=int(now + validity.total_seconds()),
        comment=name,
    )
    return HostCertificate.parse(made.export_certificate().decode())


def shares_address(host: Host, hosts: Iterable[Host]) -> bool:
    """True when another port of the address of `host` leads to another of `hosts`, behind one NAT address say.

    A certificate is for an address and knows no port: each of them could pass for the others by its own.
    """
    address = host.address.lower()
    return any(other.address.lower() == address and other.port != host.port for other in hosts)


def user_certificate(
    authority: asyncssh.SSHKey, key: asyncssh.SSHKey, account: str, sources: Sequence[str], now: float | None = None
) -> SSHOpenSSHCertificate:
    """A certificate by `authority` for `key` to log in as `account`, some minutes either side of `now` (Unix time).

    It is bound to the addresses and networks in `sources` if there are any. Forwarding is allowed, which metrics and
    jump hosts need; a terminal, agent and X11 forwarding and the account's own ``~/.ssh/rc`` are not.
    """
    moment = time.time() if now is None else now
    return authority.generate_user_certificate(
        key,
        key_id=f"orchestrator@{platform.node()}",
        serial=time.time_ns(),
        principals=[account],
        valid_after=int(moment - _BEHIND.total_seconds()),
        valid_before=int(moment + _AHEAD.total_seconds()),
        source_address=list(sources) or None,
        permit_x11_forwarding=False,
        permit_agent_forwarding=False,
        permit_pty=False,
        permit_user_rc=False,
    )


def sources_of(patterns: str) -> list[str]:
    """Addresses and networks of a ``from=`` value (sshd(8)); none unless all of it can be said in a certificate.

    Certificates know no names, wildcards or exceptions. The ``from=`` on the host holds all the same.
    """
    try:
        return [str(ipaddress.ip_network(one.strip(), strict=False)) for one in patterns.split(",") if one.strip()]
    except ValueError:
        return []
