"""Where the lab keeps its things, and the locks that let several runs share them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def home() -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/see-servers-health-plus/lab`: trees kept between runs, and the running labs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "see-servers-health-plus" / "lab"


def trees() -> Path:
    """Folder of the Debian trees that hosts are laid over."""
    return home() / "trees"


def running() -> Path:
    """Folder with one folder for each lab that is up."""
    return home() / "running"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock called `name` against other processes; a dying process lets go by itself."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
