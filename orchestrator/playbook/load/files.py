"""Where the files that tasks name are looked for (ansible-core, dataloader.py, path_dwim_relative_stack)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def find(kind: str, name: str, search: Sequence[Path]) -> Path | None:
    """The first file or folder `name` among `candidates`, or None."""
    return next((path for path in candidates(kind, name, search) if path.exists()), None)


def candidates(kind: str, name: str, search: Sequence[Path]) -> Iterator[Path]:
    """Where `name` may be: in each folder of `search`, first in its folder of that `kind` (``files``, ``templates``,
    ``vars``). An absolute name, or one in a home folder, is taken as it is."""
    given = Path(name).expanduser()
    if given.is_absolute():
        yield given
        return
    for folder in search:
        if name.split("/", maxsplit=1)[0] != kind:
            yield Path(os.path.normpath(folder / kind / given))
        yield Path(os.path.normpath(folder / given))
