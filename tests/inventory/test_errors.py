"""Every mistake in an inventory is one line: file, line, what is wrong, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.errors import InventoryError
from orchestrator.inventory import load
from tests.inventory.conftest import Write

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data/errors.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_mistakes_are_named(case: dict[str, Any], write: Write) -> None:
    with pytest.raises(InventoryError) as caught:
        load(write(case["files"]))
    assert str(caught.value) == case["error"]
