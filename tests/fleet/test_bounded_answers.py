"""Whatever a fleet prints, the answers of a run stay within a bound and say what was left out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.fleet.answers import TRIMMED, Answers
from orchestrator.ssh.result import Result, Status


def result(number: int, stdout: bytes) -> Result:
    return Result(f"web{number}", Status.OK, 0, stdout, stdout_size=len(stdout))


def test_equal_outputs_are_kept_once() -> None:
    answers = Answers()
    for number in range(100):
        answers.add(result(number, bytes(1000) + b"x" * 1000))
    assert len({id(each.stdout) for each in answers.results}) == 1
    assert not any(each.truncated for each in answers.results)


@settings(deadline=None)
@given(st.lists(st.integers(0, 60_000), max_size=30), st.integers(0, 200_000))
def test_the_budget_holds(sizes: list[int], budget: int) -> None:
    answers = Answers(budget)
    for number, size in enumerate(sizes):
        output = (b"%d " % number) * size
        answers.add(result(number, output))
        kept = answers.results[-1]
        assert kept.truncated == (kept.stdout != output)
        assert kept.stdout_size == len(output)
        assert len(kept.stdout) <= max(TRIMMED, len(output) if not kept.truncated else 0)
        assert kept.stdout[: TRIMMED // 2 - 10] == output[: TRIMMED // 2 - 10]
    big = sum(len(each.stdout) for each in answers.results if len(each.stdout) > TRIMMED)
    assert big <= budget
