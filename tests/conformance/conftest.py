"""Twins are booted once; cases run ahead of their tests, two at a time, since ansible-playbook takes its time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.conformance.cases import Case
from tests.conformance.court import Court
from tests.conformance.trial import Verdict


@pytest.fixture(scope="session")
def trials(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Verdict]]]:
    """The verdict to come on each selected case, by its name."""
    cases = [case for item in request.session.items if (case := _case(item))]
    with Court(f"twins-{os.getpid()}", cases) as court:
        yield court.verdicts


def _case(item: pytest.Item) -> Case | None:
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("case") if callspec else None
    return case if isinstance(case, Case) else None
