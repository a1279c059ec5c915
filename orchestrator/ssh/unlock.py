"""Opening private key files: where a passphrase comes from, and what is said when none opens the key."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from orchestrator.errors import KeyFileError
from orchestrator.permissions import is_open

Passphrase = Callable[[Path], str | None]

_TRIES = 3
_WAYS = (
    "Run it on a terminal, name a file in SSH_PASSPHRASE_FILE, hand over systemd's credential ssh-passphrase, or give "
    "the key to an ssh-agent (ssh-add) and set SSH_AGENT=yes"
)


@dataclass(frozen=True, slots=True)
class PassphraseFile:
    """A `Passphrase` that reads the first line of `path`, which only its owner may read (else KeyFileError)."""

    path: Path

    def __call__(self, key: Path) -> str | None:  # noqa: ARG002  it is for every key
        """The first line; None when there is none."""
        lines = private_text(self.path).decode("utf-8", "surrogateescape").splitlines()
        return lines[0] if lines and lines[0] else None


def passphrase_file(path: Path) -> Passphrase:
    """The passphrase in the first line of a file, for every key."""
    return PassphraseFile(path)


class Unlocker:
    """Opens key files, asking `passphrase` for those that are encrypted.

    A passphrase that opened one file is tried on the next before anybody is asked: while a key is being replaced there
    are two, under one passphrase. Methods block and are for a thread.
    """

    def __init__(self, passphrase: Passphrase | None) -> None:
        self._ask = passphrase
        self._opened: dict[Path, str] = {}

    def open(self, path: Path, data: bytes) -> asyncssh.SSHKey:
        """The key in `data`, read from `path`. Raises KeyFileError when it is no key or stays locked."""
        try:
            key = asyncssh.import_private_key(data)
            self._opened.pop(path, None)
            return key
        except asyncssh.KeyImportError as error:
            if "assphrase" not in str(error):
                raise KeyFileError("is not a private key we can read", where=str(path)) from error
        for known in dict.fromkeys(self._opened.values()):
            if opened := self._try(path, data, known):
                return opened
        if self._ask is None:
            raise KeyFileError("is encrypted", where=str(path), remedy=_WAYS)
        from_file = self._ask.path if isinstance(self._ask, PassphraseFile) else None
        for _ in range(1 if from_file else _TRIES):
            answer = self._ask(path)
            if answer is None:
                what = f"{from_file} is empty" if from_file else "no passphrase was given"
                raise KeyFileError(f"stays locked: {what}", where=str(path), remedy=_WAYS)
            if opened := self._try(path, data, answer):
                return opened
        wrong = f"the passphrase in {from_file} is wrong" if from_file else "the passphrase is wrong"
        remedy = f"Put the right one into the first line of {from_file}" if from_file else _WAYS
        raise KeyFileError(f"stays locked: {wrong}", where=str(path), remedy=remedy)

    def passphrase_of(self, path: Path) -> str | None:
        """The passphrase that opened `path`; None when it is not encrypted, or was not opened."""
        return self._opened.get(path)

    def _try(self, path: Path, data: bytes, passphrase: str) -> asyncssh.SSHKey | None:
        try:
            key = asyncssh.import_private_key(data, passphrase)
        except asyncssh.KeyEncryptionError as error:
            if str(error).startswith(("Unknown", "OpenSSH private key encryption")):
                raise KeyFileError(f"cannot be decrypted: {error}", where=str(path)) from error
            return None
        except asyncssh.KeyImportError:
            return None
        self._opened[path] = passphrase
        return key


def private_text(path: Path) -> bytes:
    """The content of a file that must be ours alone, as ssh(1) demands of identity files; else KeyFileError."""
    try:
        status = path.stat()
        if is_open(status):
            mode, remedy = stat.S_IMODE(status.st_mode), f"Run: chmod 600 {path}"
            raise KeyFileError(f"can be read by others (mode {mode:04o})", where=str(path), remedy=remedy)
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"cannot be read: {error.strerror}", where=str(path)) from error
