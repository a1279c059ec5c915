"""A pool for hosts that are this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.ssh import Keys, Pool, Trust
from tests.playbook.run.play import Stage
from tests.sshd import keygen


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    (tmp_path / "keys").mkdir(mode=0o700)
    keygen(tmp_path / "keys/id_ed25519")
    async with Pool(trust=Trust(tmp_path / "keys/known_hosts"), keys=Keys(tmp_path / "keys")) as pool:
        yield pool


@pytest.fixture
def stage(tmp_path: Path, pool: Pool) -> Stage:
    (tmp_path / "play").mkdir()
    return Stage(tmp_path / "play", pool)
