"""Making our own key pair, and saying what keys there are."""

from __future__ import annotations

import base64
import os
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import asyncssh

from orchestrator.errors import KeyFileError, UsageError

KEY_NAME = "id_ed25519"
# During a rotation (see succession.py): the key that comes, and the one that goes.
SUCCESSOR = "next_ed25519"
PREDECESSOR = f"{KEY_NAME}.retiring"  # no name that a person would give a copy

# What a key is for, by where it lies; other id_* are keys to log in with, too.
_USES = {
    SUCCESSOR: "to come",
    PREDECESSOR: "to go",
    "ca/user_ed25519": "vouches for us",
    "ca/host_ed25519": "vouches for hosts",
}
_MAGIC = b"openssh-key-v1\0"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key file: `encrypted` is None when it cannot be read; `public` its public line, empty if unknown.

    `made_at` (aware) is when it was written, and `use` what it is for.
    """

    path: Path
    algorithm: str = ""
    fingerprint: str = ""
    comment: str = ""
    public: str = ""
    encrypted: bool | None = None
    problem: str = ""
    made_at: datetime | None = None
    use: str = ""


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
    made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if key is None:
        key = _public_half(path, data)
    if key is None:
        return KeyFile(path, encrypted=encrypted, problem="its .pub file is missing", made_at=made_at)
    public = key.export_public_key("openssh").decode().strip()
    comment = key.get_comment() or ""
    return KeyFile(path, key.get_algorithm(), key.get_fingerprint(), comment, public, encrypted, made_at=made_at)


def key_files(folder: Path) -> list[KeyFile]:
    """The keys of `folder` that hosts are to accept: all ``id_*``, but not one that a rotation is taking away."""
    return [describe(path) for path in _login_keys(folder) if path.name != PREDECESSOR]


def kept_keys(folder: Path) -> list[KeyFile]:
    """All private keys of `folder` that we have a use for, those of a rotation and of our authority, too."""
    paths = [*_login_keys(folder), *(folder / name for name in _USES if not name.startswith("id_"))]
    uses = [(path, _USES.get(str(path.relative_to(folder)), "logs in")) for path in paths if path.is_file()]
    return [replace(describe(path), use=use) for path, use in uses]


def _login_keys(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("id_*")) if path.suffix != ".pub" and path.is_file()]


def _public_half(path: Path, data: bytes) -> asyncssh.SSHKey | None:
    """Of an encrypted key: from its .pub file, which has the comment, else from its own head (PROTOCOL.key)."""
    with suppress(OSError, asyncssh.KeyImportError):
        return asyncssh.read_public_key(path.with_name(path.name + ".pub"))
    with suppress(ValueError, struct.error, asyncssh.KeyImportError):
        body = b"".join(line for line in data.splitlines() if not line.startswith(b"-"))
        head = base64.b64decode(body, validate=True)
        if head.startswith(_MAGIC):
            at = len(_MAGIC)
            for _ in ("cipher", "kdf", "kdf options"):
                at += 4 + struct.unpack_from(">I", head, at)[0]
            (size,) = struct.unpack_from(">I", head, at + 4)  # after the number of keys, which is 1
            return asyncssh.public_key.decode_ssh_public_key(head[at + 8 : at + 8 + size])
    return None


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
