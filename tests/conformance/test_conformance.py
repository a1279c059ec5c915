"""What ansible-core does with a playbook, we do: same end state, same `changed`, same keys, and only then."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from tests.conformance.cases import Case, all_cases
from tests.conformance.trial import Verdict

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_same_as_ansible(case: Case, trials: dict[str, Future[Verdict]]) -> None:
    verdict = trials[str(case)].result()
    assert not verdict.problems, f"\n{verdict}"
