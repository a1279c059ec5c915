"""Which host keys we trust: the home's known_hosts file, in OpenSSH's own format (sshd(8), SSH_KNOWN_HOSTS)."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from orchestrator.atomicfile import write_atomically
from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host

DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class HostKey:
    """A host key: `algorithm` (``ssh-ed25519``), `fingerprint` as ssh-keygen has it, `line` as in a .pub file."""

    algorithm: str
    fingerprint: str
    line: str

    @classmethod
    def of(cls, key: asyncssh.SSHKey) -> HostKey:
        """From asyncssh's key object."""
        algorithm, data = key.export_public_key("openssh").decode().split()[:2]
        return cls(algorithm, key.get_fingerprint("sha256"), f"{algorithm} {data}")


def read_public_key(path: Path) -> HostKey:
    """The key in a .pub file, or the one that a -cert.pub file is about. Raises KeyFileError."""
    try:
        data = path.read_bytes()
        try:
            return HostKey.of(asyncssh.import_certificate(data).key)
        except asyncssh.KeyImportError:
            return HostKey.of(asyncssh.import_public_key(data))
    except OSError as error:
        raise KeyFileError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except asyncssh.KeyImportError as error:
        raise KeyFileError("is no public key", where=str(path)) from error


@dataclass(frozen=True, slots=True)
class Pins:
    """What known_hosts says of one host: keys, certificate authorities, revoked keys."""

    keys: tuple[HostKey, ...] = ()
    authorities: tuple[HostKey, ...] = ()
    revoked: tuple[HostKey, ...] = ()
    match: object = field(default=None, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.keys or self.authorities)


def known_name(host: Host) -> str:
    """How `host` is called in known_hosts: ``address`` in small letters, ``[address]:port`` if the port is not 22."""
    address = host.address.lower()
    return address if host.port == DEFAULT_PORT else f"[{address}]:{host.port}"


class Trust:
    """The file at `path`, parsed once and read again when it changed on disk. A missing file trusts nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, ...] = ()
        self._known = asyncssh.SSHKnownHosts()

    def lookup(self, host: Host) -> Pins:
        """The pins of exactly this address and port. Raises KeyFileError with the line that cannot be read.

        OpenSSH falls back from ``[address]:port`` to a bare ``address``; we don't: another port is another server, and
        its key being different must not look like an attack.
        """
        self._refresh()
        match = self._known.match(known_name(host), "", None)
        keys, authorities, revoked = (tuple(HostKey.of(key) for key in part) for part in match[:3])
        return Pins(keys, authorities, revoked, match)

    def pins(self, key: HostKey) -> bool:
        """True while any host is trusted by `key`."""
        lines = (line.strip() for line in self._read().splitlines())
        return any(key.line in line for line in lines if not line.startswith(("#", "@")))

    def pin(self, host: Host, key: HostKey) -> None:
        """Trust `key` for `host` from now on, next to what is there already; on disk when this returns."""
        self._add(f"{known_name(host)} {key.line}")

    def vouch(self, authority: HostKey) -> None:
        """Trust every host that shows a certificate of `authority` for its address."""
        self._add(f"@cert-authority * {authority.line}")

    def revoke(self, key: HostKey) -> None:
        """Trust `key` for no host ever again, nor what it signed, whatever else the file says."""
        self._add(f"@revoked * {key.line}")

    def _add(self, line: str) -> None:
        with self._alone():
            text = self._read()
            if line in text.splitlines():
                return
            end = "" if not text or text.endswith("\n") else "\n"
            self._write(f"{text}{end}{line}\n")

    def forget(self, host: Host) -> int:
        """Remove the keys of `host`, hashed lines too; returns how many lines held some.

        Patterns, authorities and revocations stay: they speak of more than this host.
        """
        name = known_name(host)
        with self._alone():
            lines = self._read().splitlines(keepends=True)
            left = [_without(line, name) for line in lines]
            dropped = sum(before != after for before, after in zip(lines, left, strict=True))
            if dropped:
                self._write("".join(left))
        return dropped

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other writers out: the service and a command line may pin at the same time."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> str:
        try:
            return self._path.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise KeyFileError(f"cannot be read: {error.strerror}", where=str(self._path)) from error

    def _write(self, text: str) -> None:
        write_atomically(self._path, text.encode("utf-8", "surrogateescape"))
        self._stamp = ()

    def rehearsed(self) -> Trust:
        """One that trusts what this one trusts now, and keeps to itself what it is told to trust besides."""
        return _Rehearsed(self._path, self._read())

    def _state(self) -> tuple[int, ...]:
        """Another one as soon as somebody changed the file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return (0,)
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _refresh(self) -> None:
        stamp = self._state()
        if stamp == self._stamp:
            return
        known = asyncssh.SSHKnownHosts()
        for number, line in enumerate(self._read().splitlines(), 1):
            try:
                known.load(line)
            except ValueError as error:
                raise KeyFileError(
                    "not a known_hosts line", where=f"{self._path}:{number}", remedy="Mend or remove the line"
                ) from error
        self._known, self._stamp = known, stamp


class _Rehearsed(Trust):
    """A `Trust` whose file is a text in memory."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(path)
        self._text = text

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        yield

    def _read(self) -> str:
        return self._text

    def _write(self, text: str) -> None:
        self._text, self._stamp = text, ()

    def _state(self) -> tuple[int, ...]:
        return (1,)


def _without(line: str, name: str) -> str:
    """`line` without the key entry for `name`; unchanged if it is about something else."""
    fields = line.split(None, 1)
    if len(fields) < 2 or fields[0].startswith(("#", "@")):
        return line
    names = fields[0]
    if names.startswith("|"):
        matched: Sequence[object] = asyncssh.SSHKnownHosts(line).match(name, "", None)[0]
        return "" if matched else line
    left = [other for other in names.split(",") if other != name]
    if len(left) == len(names.split(",")):
        return line
    return f"{','.join(left)} {fields[1]}" if left else ""
