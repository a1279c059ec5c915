"""Every program is tried in every shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.playbook.modules.target import LocalTarget


@pytest.fixture(params=["dash", "bash", "busybox"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def target(tmp_path: Path, shell: str) -> LocalTarget:
    return LocalTarget(tmp_path, shell)
