"""What of this machine's programs can be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.monitor.alertmanager import installed_alertmanager
from orchestrator.monitor.supervise import release_of


def program(folder: Path, name: str, says: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "release"),
    [("amtool, version 0.25.0 (branch: debian/sid)", (0, 25)), ("promtool, version 3.5.0", (3, 5)), ("no idea", ())],
)
def test_releases(tmp_path: Path, says: str, release: tuple[int, ...]) -> None:
    assert release_of(program(tmp_path, "tool", says)) == release
    assert release_of(tmp_path / "missing") == ()


def test_an_old_alertmanager_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    server = program(tmp_path, "prometheus-alertmanager", "")
    tool = program(tmp_path, "amtool", "amtool, version 0.21.0")
    assert installed_alertmanager() is None
    program(tmp_path, "amtool", "amtool, version 0.22.2")
    found = installed_alertmanager()
    assert found
    assert (found.server, found.tool) == (server, tool)
