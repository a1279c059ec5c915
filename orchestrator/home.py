"""The folder that holds everything of one fleet, and the care that its files need."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import SettingsError
from orchestrator.permissions import holds_private_key, refuse_if_others_can_read, refuse_if_others_can_write


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
    def exporters(self) -> Path:
        """What hosts that Prometheus scrapes directly prove themselves with."""
        return self.keys / "exporters"

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
        with self._locked(task, fcntl.LOCK_EX, f"another `orchestrator {task}` is running here", "Stop it first"):
            yield

    def busy(self, task: str) -> bool:
        """True while a process does `task` here `alone`."""
        try:
            with self.alone(task):
                return False
        except SettingsError:
            return True

    @contextmanager
    def replacing_keys(self) -> Iterator[None]:
        """Let nobody else replace our keys, or give them to hosts, while the block lasts.

        Raises `SettingsError` when somebody does.
        """
        problem = "hosts are being bootstrapped here, or our key is being replaced already"
        with self._locked("keys", fcntl.LOCK_EX, problem, "Wait until that is over"):
            yield

    @contextmanager
    def giving_keys(self) -> Iterator[None]:
        """Let nobody replace our keys while the block lasts, in which we give them to hosts, as others may.

        Raises `SettingsError` when somebody does.
        """
        problem = "our key is being replaced here (`orchestrator keys rotate`)"
        with self._locked("keys", fcntl.LOCK_SH, problem, "Wait until that is over"):
            yield

    @contextmanager
    def _locked(self, name: str, manner: int, problem: str, remedy: str) -> Iterator[None]:
        with (self.state / f"{name}.lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, manner | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsError(problem, where=str(self.path), remedy=remedy) from None
            yield


def refuse_open_home(home: Home) -> None:
    """Raise `SettingsError` when others could put other files into `home`, or read what it remembers or its keys."""
    refuse_if_others_can_write(home.path)
    refuse_if_others_can_read(home.state)
    refuse_open_keys(home.keys)


def refuse_open_keys(folder: Path) -> None:
    """Raise `SettingsError` when others could read a private key in `folder`, or change which hosts are trusted."""
    for path in (folder, folder / "known_hosts", folder / "ca"):
        refuse_if_others_can_write(path)
    for path in sorted((*folder.glob("*"), *folder.glob("ca/*"))):
        if path.is_file() and path.suffix != ".pub" and (path.name.startswith("id_") or holds_private_key(path)):
            refuse_if_others_can_read(path)
