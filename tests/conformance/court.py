"""Several twins at work side by side on a list of cases."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.conformance.cases import Case
from tests.conformance.trial import Verdict, try_case
from tests.conformance.twins import Twins

_AT_ONCE = 2
"""ansible-playbook waits much of its time, so that two keep two cores busy."""


class Court:
    """Boots twins called after `name` and tries `cases` in order, so many `at_once`; `verdicts` come by the name of the
    case."""

    def __init__(self, name: str, cases: Sequence[Case], *, release: str = "bookworm", at_once: int = _AT_ONCE) -> None:
        self._twins = [Twins(f"{name}-{number}", release) for number in range(min(at_once, len(cases)))]
        self._cases = cases
        self._idle: queue.SimpleQueue[Twins] = queue.SimpleQueue()
        self._stack = ExitStack()
        self.verdicts: dict[str, Future[Verdict]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for twins in self._twins:
                self._idle.put(stack.enter_context(twins))
            pool = stack.enter_context(ThreadPoolExecutor(len(self._twins)))
            stack.callback(pool.shutdown, cancel_futures=True)
            self.verdicts = {str(case): pool.submit(self._try, case) for case in self._cases}
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _try(self, case: Case) -> Verdict:
        twins = self._idle.get()
        try:
            return try_case(case, twins)
        finally:
            self._idle.put(twins)
