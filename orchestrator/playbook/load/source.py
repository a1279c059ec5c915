"""Reading files of playbooks and roles: YAML whose every text knows where it was written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol

from yaml.nodes import ScalarNode

from orchestrator.errors import PlaybookError
from orchestrator.inventory.files import decode, read_bytes
from orchestrator.inventory.yamlfile import YamlFile
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.text import Position, Text

_VAULT = b"$ANSIBLE_VAULT;"
_REMEDY = "Give the password with --vault-password-file, or set VAULT_PASSWORD_FILE"


class Decrypts(Protocol):
    """What is needed of a vault."""

    def decrypt(self, data: bytes, where: str) -> bytes:
        """The plain content of `data`, found at `where`. Raises OrchestratorError."""


class _Document(YamlFile):
    max_values = 200_000

    def __init__(self, text: str, label: str) -> None:
        self._file = label
        super().__init__(text, label, PlaybookError)

    def text(self, node: ScalarNode) -> Text:
        return Text(node.value, Position(self._file, node.start_mark.line + 1))

    def tree(self) -> Any:
        return None if self.root is None else self.value(self.root)


class Source:
    """The files of a run, each read and parsed once, so that a run sees one state of them."""

    def __init__(self, base: Path, vault: Decrypts | None, secrets: Secrets | None = None) -> None:
        """Errors name files as they are seen from `base`. `secrets` learns the values of encrypted files."""
        self._base = base
        self._vault = vault
        self._secrets = secrets
        self._trees: dict[Path, Any] = {}
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The SHA-256 of all files read so far and of their names, in hexadecimal."""
        return self._hash.hexdigest()

    def label(self, path: Path) -> str:
        """How errors call a file: relative where it lies in the base folder."""
        return str(path.relative_to(self._base) if path.is_relative_to(self._base) else path)

    def tree(self, path: Path) -> Any:
        """What a YAML or JSON file says, decrypted if the whole of it is vaulted; None when it is empty.

        Texts, keys included, are `Text`. Whoever gets it does not change it. Raises PlaybookError with ``file:line``.
        """
        if path not in self._trees:
            label = self.label(path)
            data = read_bytes(path, label, PlaybookError)
            self._hash.update(hashlib.sha256(str(path).encode()).digest() + hashlib.sha256(data).digest())
            encrypted = data.startswith(_VAULT)
            if encrypted:
                data = self._decrypt(data, label)
            self._trees[path] = _Document(decode(data, label, PlaybookError), label).tree()
            if encrypted and self._secrets is not None:
                self._secrets.add_all(self._trees[path])
        return self._trees[path]

    def parse(self, text: str, label: str) -> Any:
        """What `text`, YAML or JSON, says; `label` is how errors call it."""
        return _Document(text, label).tree()

    def _decrypt(self, data: bytes, label: str) -> bytes:
        if self._vault is None:
            raise PlaybookError("is encrypted", where=label, remedy=_REMEDY)
        return self._vault.decrypt(data, label)


def line_of(value: Any, near: Position) -> Position:
    """Where `value` was written, as far as a text at its start can tell; else `near`."""
    if isinstance(value, Text):
        return value.at
    if isinstance(value, dict | list) and value:
        return line_of(next(iter(value)), near)
    return near
