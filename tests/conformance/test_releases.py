"""A choice of cases on the Debian before and the one after: where systems differ, we differ as ansible-core does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack

import pytest

from tests.conformance.cases import all_cases
from tests.conformance.court import Court
from tests.conformance.trial import Verdict

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

RELEASES = ("bullseye", "trixie")
CHOSEN = [case for case in all_cases() if case.everywhere]


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, dict[str, Future[Verdict]]]]:
    """The verdict to come on each case, by release and name; both releases are at work side by side."""
    with ExitStack() as stack:
        courts = {
            release: stack.enter_context(Court(f"{release}-{os.getpid()}", CHOSEN, release=release, at_once=1))
            for release in RELEASES
        }
        yield {release: court.verdicts for release, court in courts.items()}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", [str(case) for case in CHOSEN])
def test_same_as_ansible(release: str, name: str, verdicts: dict[str, dict[str, Future[Verdict]]]) -> None:
    verdict = verdicts[release][name].result()
    assert not verdict.problems, f"\n{verdict}"
