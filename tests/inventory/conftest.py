"""Inventory folders made from the data files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files into an inventory folder that only we can write to, and returns it."""

    def write_files(files: Mapping[str, str]) -> Path:
        folder = tmp_path / "inventory"
        folder.mkdir(mode=0o755)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return write_files
