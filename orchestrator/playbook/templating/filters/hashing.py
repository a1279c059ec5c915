"""Filters that hash: checksums, password hashes, UUIDs."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from orchestrator.playbook.templating.passwords import hash_password

_NAMESPACE = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")
"""Ansible's own, so that both give the same names."""


def get_hash(data: Any, hashtype: str = "sha1") -> str:
    """The hexadecimal digest of a text."""
    digest = hashlib.new(hashtype)
    digest.update(data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def md5(data: Any) -> str:
    """The MD5 digest of a text."""
    return get_hash(data, "md5")


def sha1(data: Any) -> str:
    """The SHA-1 digest of a text."""
    return get_hash(data, "sha1")


def to_uuid(name: Any, namespace: Any = _NAMESPACE) -> str:
    """A UUID that is always the same for the same text."""
    if not isinstance(namespace, uuid.UUID):
        try:
            namespace = uuid.UUID(namespace)
        except (AttributeError, ValueError):
            raise ValueError(f"Invalid value {namespace!r} for 'namespace'") from None
    return str(uuid.uuid5(namespace, str(name)))


FILTERS: dict[str, Callable[..., Any]] = {
    "checksum": sha1,
    "hash": get_hash,
    "md5": md5,
    "password_hash": hash_password,
    "sha1": sha1,
    "to_uuid": to_uuid,
}
