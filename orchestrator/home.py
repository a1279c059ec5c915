"""The folder that holds everything of one fleet, and the care that its files need."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Home:
    """Where ``inventory/``, ``keys/`` and ``state/`` are."""

    path: Path

    @classmethod
    def find(cls, option: Path | None, environ: Mapping[str, str] = os.environ) -> Home:
        """`--home`, else ``ORCHESTRATOR_HOME``, else the current folder. Raises `SettingsError` if it is no folder."""
        path = option or Path(environ.get("ORCHESTRATOR_HOME") or ".")
        try:
            whole = path.resolve()
            problem = "" if whole.is_dir() else "is not a folder"
        except OSError as error:
            problem = f"cannot be used: {error.strerror}"
        if problem:
            where = "--home" if option else "ORCHESTRATOR_HOME"
            shown = f"{path}"[:200]
            raise SettingsError(f"{shown} {problem}", where=where, remedy="Name the folder that holds inventory/")
        return cls(whole)

    @property
    def inventory(self) -> Path:
        """Inventory files."""
        return self.path / "inventory"

    @property
    def keys(self) -> Path:
        """Private keys and known_hosts."""
        return self.path / "keys"

    @property
    def authority(self) -> Path:
        """Our own certificate authority, if there is one."""
        return self.keys / "ca"

    @property
    def playbooks(self) -> Path:
        """Playbooks and their roles."""
        return self.path / "playbooks"

    @property
    def state(self) -> Path:
        """What the program remembers."""
        return self.path / "state"

    @contextmanager
    def alone(self, task: str) -> Iterator[None]:
        """Let no second process do `task` in this home while the block lasts; raises `SettingsError` if one does."""
        with (self.state / f"{task}.lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsError(
                    f"another `orchestrator {task}` is running here", where=str(self.path), remedy="Stop it first"
                ) from None
            yield


def refuse_if_others_can_write(path: Path) -> None:
    """Raise `SettingsError` when others could change what we trust; a missing file is for its reader to judge."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & 0o022:
        raise SettingsError("others can write it", where=str(path), remedy=f"Run: chmod go-w {path}")


def refuse_open_keys(folder: Path) -> None:
    """Raise `SettingsError` when others could read a private key in `folder`, or change which hosts are trusted."""
    refuse_if_others_can_write(folder)
    refuse_if_others_can_write(folder / "known_hosts")
    refuse_if_others_can_write(folder / "ca")
    for path in sorted((*folder.glob("id_*"), *folder.glob("ca/*_ed25519"))):
        if path.suffix != ".pub":
            refuse_if_others_can_read(path)


def refuse_if_others_can_read(path: Path) -> None:
    """Raise `SettingsError` when a file with secrets is open to others; a missing file is for its reader to judge."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & 0o077:
        raise SettingsError("others can read or write it", where=str(path), remedy=f"Run: chmod 600 {path}")
