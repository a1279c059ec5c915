"""Reading files that hold power over a fleet: regular, ours, of sane size, UTF-8."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import InventoryError, OrchestratorError
from orchestrator.permissions import is_private_group

MAX_SIZE = 16 << 20
"""Bytes in one file. 100,000 hosts with three variables each take half of it."""


def read_text(path: Path, label: str) -> str:
    """The text of an inventory file, its byte order mark removed.

    `label` is how errors call the file. Raises InventoryError as `read_bytes` and `decode` do.
    """
    return decode(read_bytes(path, label), label)


def read_bytes(path: Path, label: str, error: type[OrchestratorError] = InventoryError) -> bytes:
    """The content of a file.

    Raises `error` when the file is missing, unreadable, not a regular file, writable by others, or larger than 16 MiB.
    """
    with _open(path, label, error) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise error("is not a regular file", where=label, remedy="Put a file in its place or remove it.")
        _refuse_others(status, path, label, error)
        data = file.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise error(f"is larger than {MAX_SIZE >> 20} MiB", where=label, remedy="Split it into several files.")
    return data


def decode(data: bytes, label: str, error: type[OrchestratorError] = InventoryError) -> str:
    """`data` as text without its byte order mark. Raises `error`, with the line, when it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise error("is not UTF-8 text", where=f"{label}:{line}", remedy="Save it as UTF-8.") from fault


def list_folder(path: Path, label: str, *, required: bool = True) -> list[str]:
    """Names in a folder, sorted as Ansible sorts them; none when it is missing and not `required`.

    Raises InventoryError as `read_text` does.
    """
    try:
        _refuse_others(path.stat(), path, label, InventoryError)
        return sorted((entry.name for entry in path.iterdir()), key=os.fsencode)
    except FileNotFoundError as error:
        if not required:
            return []
        raise InventoryError("there is no such folder", where=label, remedy="Make it, or name another home.") from error
    except OSError as error:
        raise InventoryError(f"cannot be read: {_reason(error)}", where=label) from error


def is_folder(path: Path) -> bool:
    """True for a folder; what cannot be looked at is none, and will fail when it is read."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def _open(path: Path, label: str, error: type[OrchestratorError]) -> BinaryIO:
    try:
        return open(path, "rb", opener=_without_waiting)
    except OSError as fault:
        raise error(f"cannot be read: {_reason(fault)}", where=label) from fault


def _without_waiting(path: str, flags: int) -> int:
    """Open without waiting for the writer of a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK)


def _refuse_others(status: os.stat_result, path: Path, label: str, error: type[OrchestratorError]) -> None:
    """Who can write the inventory or a playbook chooses what runs where: only root and ourselves may."""
    quoted = shlex.quote(str(path))
    if status.st_uid not in (0, os.geteuid()):
        raise error(
            f"belongs to user {status.st_uid}, who could change it",
            where=label,
            remedy=f"Run: chown {os.geteuid()} {quoted}",
        )
    shared = status.st_mode & stat.S_IWGRP and not is_private_group(status.st_uid, status.st_gid)
    if shared or status.st_mode & stat.S_IWOTH:
        mode = stat.S_IMODE(status.st_mode)
        raise error(f"can be written by others (mode {mode:04o})", where=label, remedy=f"Run: chmod go-w {quoted}")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
