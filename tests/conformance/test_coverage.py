"""No module and no keyword without a case, and none in the manual that is not there."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.cases import all_cases
from tests.conformance.coverage import covered, wanted
from tests.conformance.table import table

MANUAL = Path(__file__).parents[2] / "docs/playbooks/conformance.md"


def test_every_module_and_keyword_has_a_case() -> None:
    assert not wanted() - covered().keys()


def test_there_are_fifty_playbooks() -> None:
    assert len({case.playbook for case in all_cases()}) >= 50


def test_manual_lists_what_there_is() -> None:
    assert table() in MANUAL.read_text(), "run python -m tests.conformance.table"
