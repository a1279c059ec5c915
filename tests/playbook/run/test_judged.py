"""The same playbooks by ansible-core and by us, on the same hosts: the same tasks, in the same order, with the same
outcome, result and recap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.ssh import Keys, Pool, Trust
from tests.playbook.run.judged import CASES, Happened, by_ansible, by_us

_CASES = sorted(
    path for path in CASES.glob("*.yml") if not path.name.startswith(("inc_", "vars_")) and path.stem != "inventory"
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Happened]:
    return by_ansible(_CASES, tmp_path_factory.mktemp("judge"))


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    (tmp_path / "keys").mkdir(mode=0o700)
    async with Pool(trust=Trust(tmp_path / "keys/known_hosts"), keys=Keys(tmp_path / "keys")) as pool:
        yield pool


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.stem)
async def test_the_same_happens(case: Path, judge: dict[Path, Happened], tmp_path: Path, pool: Pool) -> None:
    theirs, ours = judge[case], await by_us(case, tmp_path, pool)
    assert [(t.name, t.module, t.handler, dict(sorted(t.outcomes.items()))) for t in ours.tasks] == [
        (t.name, t.module, t.handler, dict(sorted(t.outcomes.items()))) for t in theirs.tasks
    ]
    for mine, other in zip(ours.tasks, theirs.tasks, strict=True):
        assert (mine.name, mine.results) == (other.name, other.results)
    assert ours.recap == theirs.recap
    # After clear_host_errors ansible-core forgets that anything failed; we do not.
    assert ours.well == theirs.well or (theirs.well and "clear_host_errors" in case.read_text())
