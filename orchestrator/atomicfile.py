"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in place in one step, on the disk when this returns: a crash leaves the old file or the new one.

    A file that is there keeps its mode and, where we may choose, its owner; a new one gets `mode`. Raises OSError, and
    then the old file is as it was.
    """
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            try:
                old = path.stat()
            except FileNotFoundError:
                os.fchmod(file.fileno(), mode)
            else:
                os.fchmod(file.fileno(), old.st_mode & 0o7777)
                with suppress(PermissionError):  # whose it is only root can choose
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have the names of a folder's files on the disk, too: a rename alone may be lost with the power (fsync(2))."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
