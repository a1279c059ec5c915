"""The lab itself: each fault does what it says, and nothing stays behind."""

from __future__ import annotations

import pytest

from tests.lab import Lab

pytestmark = pytest.mark.lab


def test_boots(lab: Lab) -> None:
    for host in lab.hosts:
        assert host.run("hostname").stdout.strip() == host.name
