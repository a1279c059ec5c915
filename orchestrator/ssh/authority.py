"""Our own SSH certificate authority, an option: one key vouches for us, another for hosts (PROTOCOL.certkeys, sshd(8)).

Everything of it is in one folder: ``user_ed25519`` and ``host_ed25519`` with their .pub files, the current certificate
of each host as ``hosts/NAME-cert.pub``, and ``revoked_keys``, which sshd takes as RevokedKeys and ssh as
RevokedHostKeys.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh

from orchestrator.atomicfile import write_atomically
from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh.certificates import HostCertificate, host_certificate, sources_of, user_certificate
from orchestrator.ssh.keymaking import KeyFile, describe, make_key, refuse_a_second_key
from orchestrator.ssh.keys import Keys
from orchestrator.ssh.method import Fresh
from orchestrator.ssh.trust import HostKey, Trust

USER_KEY, HOST_KEY = "user_ed25519", "host_ed25519"
HOST_VALIDITY = timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=90)

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")


class Authority:
    """The authority in `folder`; `keys` opens its private halves when they are first needed."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self._folder = folder
        self._keys = keys

    @property
    def revoked_keys(self) -> Path:
        """The list of revoked keys, a public key a line; it may be missing."""
        return self._folder / "revoked_keys"

    def public(self, name: str) -> HostKey | None:
        """The public half of `USER_KEY` or `HOST_KEY`; None when there is none. Raises KeyFileError."""
        path = self._folder / f"{name}.pub"
        try:
            return HostKey.of(asyncssh.read_public_key(path))
        except FileNotFoundError:
            return None
        except (OSError, asyncssh.KeyImportError) as error:
            raise KeyFileError(f"cannot be read as a public key: {error}", where=str(path)) from error

    def files(self) -> tuple[KeyFile, KeyFile]:
        """What can be said of the keys for users and for hosts without their passphrase."""
        return describe(self._folder / USER_KEY), describe(self._folder / HOST_KEY)

    # -- users

    async def unlock(self) -> Sequence[KeyFileError]:
        """Open what each connection needs, so that its passphrase is asked for now; returns what failed."""
        try:
            if self.public(USER_KEY):
                await self._keys.private(self._folder / USER_KEY)
        except KeyFileError as error:
            return (error,)
        return ()

    async def identity(self, host: Host) -> Fresh | None:
        """What makes, each time it is called, a key for one login to `host` with a certificate for some minutes.

        The certificate is for the login account alone, and from the addresses of the inventory's ``bootstrap_from``
        alone where these are plain. The key is never written down. None without an authority. Raises KeyFileError when
        the authority is locked.
        """
        if not (self._folder / USER_KEY).exists():
            return None
        authority = await self._keys.private(self._folder / USER_KEY)
        account = host.user or getpass.getuser()
        sources = sources_of(str(host.vars.get("bootstrap_from") or ""))

        def make() -> asyncssh.SSHKeyPair:
            key = asyncssh.generate_private_key("ssh-ed25519")
            return asyncssh.load_keypairs([(key, user_certificate(authority, key, account, sources))])[0]

        return make

    # -- hosts

    async def unlock_for_hosts(self) -> asyncssh.SSHKey:
        """The key that signs hosts. Raises KeyFileError when there is none or it is locked."""
        if self.public(HOST_KEY) is None:
            remedy = "Make one: orchestrator keys ca init"
            raise KeyFileError("there is no certificate authority", where=str(self._folder), remedy=remedy)
        return await self._keys.private(self._folder / HOST_KEY)

    async def host_certificate(
        self, public_host_key: str, principals: Sequence[str], validity: timedelta = HOST_VALIDITY, *, name: str = ""
    ) -> HostCertificate:
        """A certificate for a host's public key line, to be reached as `principals` (addresses or DNS names).

        `name` is only for reading. Raises KeyFileError when there is no authority or it is locked, UsageError when a
        certificate would be for any name or for no time.
        """
        authority = await self.unlock_for_hosts()
        return host_certificate(authority, public_host_key, principals, validity, name or ",".join(principals))

    def certificate_of(self, host: Host) -> HostCertificate | None:
        """The certificate that was last kept for `host`, if it is for its present address: who had its name elsewhere
        may be another machine. Raises KeyFileError when it cannot be read.
        """
        path = self._certificate_file(host)
        kept = self._read(path) if path.exists() else None
        return kept if kept and host.address.lower() in kept.principals else None

    async def certificate_for(self, host: Host, trust: Trust, *, keep: bool = True) -> str:
        """The line of a certificate that `host` can use: the kept one while it fits and lasts, else a new one, which is
        kept if told so. Empty without an authority, for a host of which we know no key, and where its name forbids it.
        Raises KeyFileError.
        """
        authority = self.public(HOST_KEY)
        if authority is None or not _FILE_NAME.fullmatch(host.name):
            return ""
        made, pins = self.certificate_of(host), trust.lookup(host)
        if not (made or pins.keys):
            return ""
        if (
            made is not None
            and made.authority == authority.fingerprint
            and made.until > datetime.now(UTC) + _RENEWED_BEFORE
            and made.key in (pins.keys or (made.key,))
            and made.key not in pins.revoked
        ):
            return made.line
        return (await self.certify(host, trust, keep=keep)).line

    async def certify(
        self, host: Host, trust: Trust, validity: timedelta = HOST_VALIDITY, *, keep: bool = True
    ) -> HostCertificate:
        """Sign the key of `host` that is pinned, or was signed before, for its address, and `keep` the certificate.

        The key signed before, if it is another one and not pinned any more, is revoked: an address has one host. Not
        where another host is pinned by it: machines made from one image may share a key, and would all be shut out.
        Raises KeyFileError, also when no key of the host is known.
        """
        before = self.certificate_of(host)
        pins = trust.lookup(host)
        keys = pins.keys or ((before.key,) if before else ())
        if not keys:
            remedy = f"Look at it and pin it: orchestrator keys trust {host.name}"
            raise KeyFileError("no key of this host is known", where=host.name, remedy=remedy)
        key = min(keys, key=lambda one: one.algorithm != "ssh-ed25519")
        if key in pins.revoked or self._is_revoked(key):
            raise KeyFileError("its key is revoked", where=host.name, remedy="Give the host a new one")
        made = await self.host_certificate(key.line, [host.address], validity, name=host.name)
        if not keep:
            return made
        _replace(self._certificate_file(host), f"{made.line}\n")
        if before and before.key != key and not trust.pins(before.key):
            self.revoke(before.key, trust)
        return made

    def pin_instead(self, host: Host, trust: Trust) -> None:
        """Trust `host` by its key where only our certificate vouches for it, which it is about to lose."""
        made = self.certificate_of(host) if _FILE_NAME.fullmatch(host.name) else None
        if made and not trust.lookup(host).keys:
            trust.pin(host, made.key)

    def revoke(self, key: HostKey, trust: Trust) -> None:
        """Never accept `key` again, nor what it signed: in known_hosts, and in the list for others."""
        trust.revoke(key)
        if self._is_revoked(key):
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.revoked_keys.open("a", encoding="utf-8") as file:  # appended: another process may revoke, too
                file.write(f"{key.line}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(self.revoked_keys, error) from error

    def certificates(self) -> Mapping[str, HostCertificate]:
        """The certificates that are kept, by the names of their hosts. Raises KeyFileError when one cannot be read."""
        paths = sorted((self._folder / "hosts").glob("*-cert.pub"))
        names = [path.name.removesuffix("-cert.pub") for path in paths]
        return {name: self._read(path) for name, path in zip(names, paths, strict=True)}

    def revoked(self) -> list[HostKey]:
        """The revoked keys. Raises KeyFileError when the list cannot be read."""
        try:
            return [HostKey.of(asyncssh.import_public_key(line)) for line in self._revoked().splitlines()]
        except asyncssh.KeyImportError as error:
            raise KeyFileError("holds a line that is no public key", where=str(self.revoked_keys)) from error

    def withdraw(self, host: Host) -> None:
        """Forget the certificate that is kept for `host`."""
        self._certificate_file(host).unlink(missing_ok=True)

    def _certificate_file(self, host: Host) -> Path:
        if not _FILE_NAME.fullmatch(host.name):
            raise KeyFileError("a host of this name cannot have a certificate: it is no file name", where=host.name)
        return self._folder / "hosts" / f"{host.name}-cert.pub"

    @staticmethod
    def _read(path: Path) -> HostCertificate:
        try:
            return HostCertificate.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise KeyFileError(f"cannot be read as a certificate: {error}", where=str(path)) from error

    def _revoked(self) -> str:
        with suppress(FileNotFoundError):
            return self.revoked_keys.read_text(encoding="utf-8")
        return ""

    def _is_revoked(self, key: HostKey) -> bool:
        return key.line in self._revoked().splitlines()


def make_authority(folder: Path, passphrase: str | None, trust: Trust) -> tuple[KeyFile, KeyFile]:
    """Make the keys for users and for hosts in `folder`, and trust the hosts that the latter vouches for.

    Raises UsageError when there are some already, KeyFileError when they cannot be written.
    """
    refuse_a_second_authority(folder)
    node = platform.node()
    user = make_key(folder, f"user-ca@{node}", passphrase, USER_KEY)
    host = make_key(folder, f"host-ca@{node}", passphrase, HOST_KEY)
    trust.vouch(HostKey.of(asyncssh.import_public_key(host.public)))
    return user, host


def refuse_a_second_authority(folder: Path) -> None:
    """Raise UsageError when `make_authority` would find one in `folder`."""
    for name in (USER_KEY, HOST_KEY):
        refuse_a_second_key(folder, name)


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, text.encode(), mode=0o644)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> KeyFileError:
    return KeyFileError(f"cannot be written: {error.strerror}", where=str(path))
