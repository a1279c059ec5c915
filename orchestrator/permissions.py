"""Who else could read our secrets or change what we trust: a start that would allow it is refused, with the remedy."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from pathlib import Path

from orchestrator.errors import SettingsError

_OTHERS = 0o077


def refuse_if_others_can_write(path: Path) -> None:
    """Raise `SettingsError` when others could change what we trust; a missing file is for its reader to judge."""
    status = _status(path)
    if status is None:
        return
    _refuse_foreign(path, status)
    shared = status.st_mode & stat.S_IWGRP and not is_private_group(status.st_uid, status.st_gid)
    if shared or status.st_mode & stat.S_IWOTH:
        raise SettingsError("others can write it", where=str(path), remedy=f"Run: chmod go-w {_quoted(path)}")


def refuse_if_others_can_read(path: Path) -> None:
    """Raise `SettingsError` when a file or folder with secrets is open to others; a missing one is for its reader to
    judge."""
    status = _status(path)
    if status is None:
        return
    _refuse_foreign(path, status)
    if is_open(status):
        mode = 700 if stat.S_ISDIR(status.st_mode) else 600
        remedy = f"Run: chmod {mode} {_quoted(path)}"
        raise SettingsError("others can read or write it", where=str(path), remedy=remedy)


def is_open(status: os.stat_result) -> bool:
    """True when a file's mode lets others in.

    A file of root's that its group, root's too, may read lets only root in and, by an access control list, us: that is
    how systemd hands credentials to a service (LoadCredential=, systemd.exec(5)).
    """
    others = status.st_mode & _OTHERS
    handed_over = others == stat.S_IRGRP and status.st_uid == status.st_gid == 0 != os.geteuid()
    return bool(others) and not handed_over


def is_private_group(uid: int, gid: int) -> bool:
    """True for a group that is one user's own, as Debian makes them (a umask of 002 is harmless then)."""
    try:
        user, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return user.pw_gid == gid and user.pw_name == group.gr_name and set(group.gr_mem) <= {user.pw_name}


def holds_private_key(path: Path) -> bool:
    """True for a file that begins as private keys do; one that cannot be read has told its secret to nobody."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.startswith(b"-----BEGIN ") and b"PRIVATE KEY" in start


def _refuse_foreign(path: Path, status: os.stat_result) -> None:
    """Who owns a file can change it, whatever its mode says."""
    ours = os.geteuid()
    if status.st_uid not in (0, ours):
        what = f"belongs to user {status.st_uid}, who could read and change it"
        raise SettingsError(what, where=str(path), remedy=f"Run: chown {ours} {_quoted(path)}")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
