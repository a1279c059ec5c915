"""The same playbooks by ansible-core and by us, on the same hosts: the same tasks, in the same order, with the same
outcome, result and recap. What ansible-core made of them is on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ssh import Pool
from tests.playbook.run.judged import CASES, by_us
from tests.playbook.run.record import RECORD, playbooks, read, stamp


@pytest.fixture(scope="module")
def record() -> Any:
    return json.loads(RECORD.read_text())


def test_the_record_is_of_these_cases(record: Any) -> None:
    now = stamp()
    assert {key: record[key] for key in now} == now, "write it anew: python -m tests.playbook.run.record"


@pytest.mark.parametrize("case", playbooks(), ids=lambda case: case.stem)
async def test_the_same_happens(case: Path, record: Any, tmp_path: Path, pool: Pool) -> None:
    theirs, ours = read(record, case), await by_us(case, tmp_path, pool)
    assert [(t.name, t.module, t.handler, dict(sorted(t.outcomes.items()))) for t in ours.tasks] == [
        (t.name, t.module, t.handler, dict(sorted(t.outcomes.items()))) for t in theirs.tasks
    ]
    for mine, other in zip(ours.tasks, theirs.tasks, strict=True):
        told = json.loads(json.dumps(mine.results).replace(str(CASES), "CASES"))
        assert (mine.name, told) == (other.name, other.results)
    assert ours.plays == theirs.plays
    assert ours.recap == theirs.recap
    # After clear_host_errors ansible-core forgets that anything failed; we do not.
    assert ours.well == theirs.well or (theirs.well and "clear_host_errors" in case.read_text())
