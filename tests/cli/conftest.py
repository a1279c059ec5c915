"""A real fleet for the command line: three sshd on loopback, as the demo starts them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.demo import DemoFleet, demo_fleet


@pytest.fixture(scope="module")
def fleet() -> Iterator[DemoFleet]:
    with demo_fleet() as fleet:
        yield fleet
