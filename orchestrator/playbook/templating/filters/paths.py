"""Filters on paths. Those that look at files look at the control node's."""

from __future__ import annotations

import glob
import os.path
from collections.abc import Callable
from typing import Any

# Paths are text here, and pathlib tidies what os.path leaves as it is.
# ruff: noqa: PTH111, PTH113, PTH118, PTH119, PTH120, PTH122, PTH207


def path_join(paths: Any) -> str:
    """One path out of a list of parts."""
    if isinstance(paths, str):
        return paths
    if not isinstance(paths, list | tuple):
        raise TypeError(f"it takes text or a list, not {type(paths).__name__}")
    return os.path.join(*paths)


def commonpath(paths: Any) -> str:
    """The longest path that all in a list share."""
    if not isinstance(paths, list | tuple):
        raise TypeError(f"it takes a list, not {type(paths).__name__}")
    return os.path.commonpath(paths)


def fileglob(pattern: str) -> list[str]:
    """The files of the control node that a shell pattern matches."""
    return [path for path in glob.glob(pattern) if os.path.isfile(path)]


def basename(path: str) -> str:
    """The last part of a path."""
    return os.path.basename(path)


def dirname(path: str) -> str:
    """A path without its last part."""
    return os.path.dirname(path)


def expanduser(path: str) -> str:
    """``~`` replaced by the home of whoever runs the control node."""
    return os.path.expanduser(path)


def expandvars(path: str) -> str:
    """``$NAME`` replaced from the control node's environment."""
    return os.path.expandvars(path)


def normpath(path: str) -> str:
    """A path without ``..`` and doubled slashes."""
    return os.path.normpath(path)


def realpath(path: str) -> str:
    """A path on the control node with links followed."""
    return os.path.realpath(path)


def relpath(path: str, start: str = os.curdir) -> str:
    """A path as seen from `start`."""
    return os.path.relpath(path, start)


def splitext(path: str) -> tuple[str, str]:
    """A path and its extension."""
    return os.path.splitext(path)


FILTERS: dict[str, Callable[..., Any]] = {
    "basename": basename,
    "commonpath": commonpath,
    "dirname": dirname,
    "expanduser": expanduser,
    "expandvars": expandvars,
    "fileglob": fileglob,
    "normpath": normpath,
    "path_join": path_join,
    "realpath": realpath,
    "relpath": relpath,
    "splitext": splitext,
}
