"""The lab as pytest fixtures: booted once a session, healthy again after every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.command import LabError
from tests.lab.lab import Lab
from tests.lab.needs import require_machine
from tests.lab.tree import RELEASES, make_trees

_RELEASES_OF = {"lab": ("bookworm",), "lab_releases": RELEASES}
"""Shared lab to the releases it boots."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the trees before the first test starts, where no test's time limit runs."""
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    releases = [release for name in _RELEASES_OF if name in used for release in _RELEASES_OF[name]]
    if not releases or session.config.option.collectonly:
        return
    try:
        require_machine()
        make_trees(releases)
    except LabError as error:
        pytest.exit(f"lab: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


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
    for name in _RELEASES_OF:
        if name in request.fixturenames:
            request.getfixturevalue(name).heal()
