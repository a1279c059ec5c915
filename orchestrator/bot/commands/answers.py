"""The answers of one run, held within a bound."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.ssh.result import MIB, Result

BUDGET = 64 * MIB
TRIMMED = 16 * 1024


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
        if len(output) > min(self._budget, TRIMMED):
            if len(output) > self._budget:
                output = output[: TRIMMED // 2] + b"\n[...]\n" + output[-TRIMMED // 2 :]
            self._budget = max(0, self._budget - len(output))
        return self._shared.setdefault(output, output)
