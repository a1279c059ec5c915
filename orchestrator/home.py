"""The folder that holds everything of one fleet, and the care that its files need."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
    def state(self) -> Path:
        """What the program remembers."""
        return self.path / "state"


def refuse_if_others_can_read(path: Path) -> None:
    """Raise `SettingsError` when a file with secrets is open to others; a missing file is for its reader to judge."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & 0o077:
        raise SettingsError("others can read or write it", where=str(path), remedy=f"Run: chmod 600 {path}")
