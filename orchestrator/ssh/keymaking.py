"""Making our own key pair, and saying what keys there are."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from orchestrator.errors import KeyFileError, UsageError

KEY_NAME = "id_ed25519"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key file: `encrypted` is None when it cannot be read; `public` its public line, empty if unknown."""

    path: Path
    algorithm: str = ""
    fingerprint: str = ""
    comment: str = ""
    public: str = ""
    encrypted: bool | None = None
    problem: str = ""


def refuse_a_second_key(folder: Path, name: str = KEY_NAME) -> None:
    """Raise UsageError when `make_key` would find a key in `folder`: none is ever overwritten."""
    for path in (folder / name, folder / f"{name}.pub"):
        if path.exists():
            raise UsageError("is there already, and stays", where=str(path), remedy="Move it away to replace it")


def make_key(folder: Path, comment: str, passphrase: str | None, name: str = KEY_NAME) -> KeyFile:
    """Make an Ed25519 pair `name` in `folder` (0700): the private half in OpenSSH's format, mode 0600, encrypted with
    `passphrase` (bcrypt_pbkdf and AES-256, PROTOCOL.key of OpenSSH) unless that is None.

    Raises UsageError when there is a key already, KeyFileError when it cannot be written.
    """
    refuse_a_second_key(folder, name)
    path = folder / name
    public_path = path.with_suffix(".pub")
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    private = key.export_private_key("openssh", passphrase)
    public = key.export_public_key("openssh")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        write_new(path, private, 0o600)
        try:
            write_new(public_path, public, 0o644)
        except OSError:
            path.unlink()
            raise
    except OSError as error:
        raise KeyFileError(f"cannot be written: {error.strerror}", where=error.filename or str(path)) from error
    return describe(path)


def describe(path: Path) -> KeyFile:
    """What can be said of a private key without its passphrase."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return KeyFile(path, problem=f"cannot be read: {error.strerror}")
    key: asyncssh.SSHKey | None = None
    encrypted = False
    try:
        key = asyncssh.import_private_key(data)
    except asyncssh.KeyEncryptionError:
        encrypted = True
    except asyncssh.KeyImportError as error:
        encrypted = "assphrase" in str(error)
        if not encrypted:
            return KeyFile(path, problem="is not a private key we can read")
    if key is None:
        with suppress(OSError, asyncssh.KeyImportError):
            key = asyncssh.read_public_key(path.with_name(path.name + ".pub"))
    if key is None:
        return KeyFile(path, encrypted=encrypted, problem="its .pub file is missing")
    public = key.export_public_key("openssh").decode().strip()
    comment = key.get_comment() or ""
    return KeyFile(path, key.get_algorithm(), key.get_fingerprint(), comment, public, encrypted)


def key_files(folder: Path) -> list[KeyFile]:
    """All private keys (``id_*``) of `folder`."""
    return [describe(path) for path in sorted(folder.glob("id_*")) if path.suffix != ".pub" and path.is_file()]


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that did not exist, whole and on the disk, or not at all."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise
