"""The answers of one run, held within a bound."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.ssh.result import MIB, Result

BUDGET = 64 * MIB
TRIMMED = 16 * 1024  # bytes that may be kept of any output, whatever the budget
MARK = b"\n[...]\n"


class Answers:
    """Collects results. Equal outputs are kept once; when all of them together exceed `budget` bytes, further ones are
    cut to their beginning and end. `results` is in the order of arrival.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._shared: dict[bytes, bytes] = {}
        self.results: list[Result] = []

    def add(self, result: Result) -> None:
        """Take in one host's result."""
        stdout, stderr = self._keep(result.stdout), self._keep(result.stderr)
        cut = len(stdout) + len(stderr) < len(result.stdout) + len(result.stderr)
        self.results.append(replace(result, stdout=stdout, stderr=stderr, truncated=result.truncated or cut))

    def _keep(self, output: bytes) -> bytes:
        if (known := self._shared.get(output)) is not None:
            return known
        if len(output) > self._budget and len(output) > TRIMMED:
            output = output[: TRIMMED // 2] + MARK + output[-TRIMMED // 2 + len(MARK) :]
        elif len(output) > TRIMMED:
            self._budget -= len(output)
        return self._shared.setdefault(output, output)
