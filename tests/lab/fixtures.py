"""The lab as pytest fixtures: booted once a session, healthy again after every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab
from tests.lab.tree import RELEASES

_SHARED = ("lab", "lab_releases")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Three Debian 12 hosts, shared by all tests."""
    with Lab(3, name=f"test-{os.getpid()}") as shared:
        yield shared


@pytest.fixture(scope="session")
def lab_releases() -> Iterator[Lab]:
    """One host of each release, oldest first: Debian 11, 12 and 13; `host.release` tells which."""
    with Lab(len(RELEASES), release=RELEASES, name=f"releases-{os.getpid()}") as shared:
        yield shared


@pytest.fixture(autouse=True)
def _healthy_lab(request: pytest.FixtureRequest) -> Iterator[None]:
    """Undo what a test did to the shared hosts, so that it cannot fail the next one."""
    yield
    for name in _SHARED:
        if name in request.fixturenames:
            request.getfixturevalue(name).heal()
