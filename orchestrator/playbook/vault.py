"""Reading what ansible-vault encrypted.

The format is described in Ansible's documentation, "Ansible Vault payload format 1.1 - 1.2": PBKDF2-HMAC-SHA256 with
10,000 rounds gives an AES-256 key, an HMAC key and an initial counter; the HMAC of the ciphertext is checked first.
"""

from __future__ import annotations

import os
import stat
from binascii import Error as HexError
from binascii import unhexlify
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from orchestrator.errors import OrchestratorError
from orchestrator.playbook.programs import ProgramFailed, output_of
from orchestrator.playbook.secrets import Secrets

_HEADER = b"$ANSIBLE_VAULT"
_ROUNDS = 10_000
_LONGEST_PASSWORD = 64 << 10
_SCRIPT_SECONDS = 120.0
_REMEDY = "Give the password with --vault-password-file, or set VAULT_PASSWORD_FILE"


class VaultError(OrchestratorError, ValueError):
    """Something encrypted cannot be read, or a password cannot be had."""


def is_encrypted(data: bytes) -> bool:
    """Whether `data` begins as ansible-vault's files do."""
    return data.startswith(_HEADER)


class Vault:
    """Decrypts with `passwords`, pairs of vault id and password. That of the text's own id is tried first."""

    def __init__(self, passwords: Sequence[tuple[str, bytes]], secrets: Secrets | None = None) -> None:
        """`secrets` learns what is decrypted, whoever asked for it."""
        self._passwords = tuple(passwords)
        self._secrets = secrets
        # Deriving a key takes some 5 ms, and every host uses the same values.
        self._opened: dict[bytes, bytes] = {}

    def decrypt(self, data: bytes | str, where: str) -> bytes:
        """The plain content of `data`; `where` is how errors call it. Raises VaultError."""
        raw = data.encode() if isinstance(data, str) else data
        raw = b"\n".join(line.strip() for line in raw.strip().splitlines())
        if raw not in self._opened:
            self._opened[raw] = self._decrypt(raw, where)
            if self._secrets is not None:
                self._secrets.add(self._opened[raw].decode("utf-8", "replace"))
        return self._opened[raw]

    def _decrypt(self, raw: bytes, where: str) -> bytes:
        label, salt, digest, ciphertext = _parsed(raw, where)
        if not self._passwords:
            raise VaultError(
                "it is encrypted with ansible-vault and no password was given", where=where, remedy=_REMEDY
            )
        for _, password in sorted(self._passwords, key=lambda pair: pair[0] != label):
            plain = _opened(password, salt, digest, ciphertext)
            if plain is not None:
                return plain
        of = f" (vault id {label})" if label else ""
        raise VaultError(f"no vault password fits{of}", where=where, remedy=_REMEDY)


def _parsed(raw: bytes, where: str) -> tuple[str, bytes, bytes, bytes]:
    """Vault id, salt, HMAC and ciphertext."""
    header, _, body = raw.partition(b"\n")
    fields = header.decode("utf-8", "replace").split(";")
    if fields[0] != _HEADER.decode() or len(fields) < 3:
        raise VaultError("it is not in ansible-vault's format", where=where)
    if fields[1] not in {"1.1", "1.2"} or fields[2] != "AES256":
        raise VaultError(f"ansible-vault {fields[1]} with {fields[2]} is not supported", where=where, remedy="Rekey it")
    try:
        salt, digest, ciphertext = (unhexlify(part) for part in unhexlify(body.replace(b"\n", b"")).split(b"\n", 2))
    except (HexError, ValueError):
        raise VaultError("it is damaged: not the encoding that ansible-vault writes", where=where) from None
    return fields[3] if len(fields) > 3 else "", salt, digest, ciphertext


def _opened(password: bytes, salt: bytes, digest: bytes, ciphertext: bytes) -> bytes | None:
    """The plain content, or None if `password` is another one."""
    keys = PBKDF2HMAC(hashes.SHA256(), length=80, salt=salt, iterations=_ROUNDS).derive(password)
    check = hmac.HMAC(keys[32:64], hashes.SHA256())
    check.update(ciphertext)
    try:
        check.verify(digest)
    except InvalidSignature:
        return None
    decryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[64:])).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()


def read_password(path: Path, vault_id: str = "") -> bytes:
    """The password in the file `path`, or printed by it if it is executable, as Ansible does. Raises VaultError.

    A script whose name ends in ``-client`` is told the vault id. Files that others may read or write are refused.
    """
    where = str(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise VaultError(f"the vault password cannot be read: {error.strerror}", where=where) from error
    if not stat.S_ISREG(mode):
        raise VaultError("the vault password is not in a file", where=where)
    runs = bool(mode & 0o111)
    if mode & (0o022 if runs else 0o026) or (mode & 0o004 and not runs):
        raise VaultError("others may read or change the vault password", where=where, remedy=f"chmod go-rwx {path}")
    password = (_printed(path, vault_id) if runs else _content(path)).strip(b"\r\n")
    if not password:
        raise VaultError("the vault password is empty", where=where)
    return password


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_PASSWORD).strip()
    except OSError as error:
        raise VaultError(f"the vault password cannot be read: {error.strerror}", where=str(path)) from error


def _printed(path: Path, vault_id: str) -> bytes:
    command = [os.fspath(path.absolute())]
    if path.stem.endswith("-client") and vault_id:
        command += ["--vault-id", vault_id]
    try:
        return output_of(command, seconds=_SCRIPT_SECONDS, at_most=_LONGEST_PASSWORD)
    except ProgramFailed as failure:
        raise VaultError(f"the vault password script failed: {failure}", where=str(path)) from failure
