"""The results of one fan-out, counted and folded for reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.inventory.folding import fold
from orchestrator.ssh.result import Result, Status

_NUMBER = re.compile(r"([0-9]+)", re.ASCII)
_EXIT = {Status.OK: 0, Status.FAILED: 1, Status.CANCELLED: 1}


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts whose answers are the same byte for byte. `sample` is the Result of the first of `hosts`."""

    hosts: tuple[str, ...]
    sample: Result

    @property
    def folded(self) -> str:
        """The hosts in short, like ``web[1-3,7]``."""
        return fold(self.hosts)


@dataclass(frozen=True, slots=True)
class Report:
    """Results in the natural order of host names (web2 before web10), whatever the order they came in."""

    results: tuple[Result, ...]

    @classmethod
    def of(cls, results: Iterable[Result]) -> Report:
        """From results in any order."""
        return cls(tuple(sorted(results, key=lambda result: _natural(result.host))))

    @property
    def hosts(self) -> Mapping[Status, tuple[str, ...]]:
        """Names by status, in the order of `Status`; only those statuses that occur."""
        by_status: dict[Status, list[str]] = {status: [] for status in Status}
        for result in self.results:
            by_status[result.status].append(result.host)
        return {status: tuple(names) for status, names in by_status.items() if names}

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many hosts ended with each status, zeros included."""
        occurring = self.hosts
        return {status: len(occurring.get(status, ())) for status in Status}

    @property
    def groups(self) -> tuple[Group, ...]:
        """Identical answers folded, the biggest group first, equal sizes in the order of their first hosts.

        Two answers are the same in status, exit code, stdout and stderr; without an answer, in the reason.
        """
        alike: dict[tuple[object, ...], list[Result]] = {}
        for result in self.results:
            reason = "" if result.status.answered else result.detail
            key = (result.status, result.exit_code, result.stdout, result.stderr, reason)
            alike.setdefault(key, []).append(result)
        groups = (Group(tuple(result.host for result in same), same[0]) for same in alike.values())
        return tuple(sorted(groups, key=lambda group: -len(group.hosts)))

    @property
    def exit_status(self) -> int:
        """What a command line ends with: 4 if any host was not reached or not followed to the end, else 1 if any failed
        or did not run, else 0."""
        return exit_status(result.status for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """The document of ``exec --json``; `detail` is the reason in words, for people."""
        return {
            "hosts": [_result_json(result) for result in self.results],
            "summary": {status.value: count for status, count in self.counts.items()},
        }


def exit_status(statuses: Iterable[Status]) -> int:
    """The worst of many outcomes as an exit status of the command line: 4 before 1 before 0."""
    return max((_EXIT.get(status, 4) for status in statuses), default=0)


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "host": result.host,
        "status": result.status.value,
        "exit_code": result.exit_code,
        "stdout": result.out,
        "stderr": result.err,
        "truncated": result.truncated,
        "duration_s": round(result.duration, 3),
        "detail": result.detail,
    }


def _natural(name: str) -> tuple[tuple[int, str | int], ...]:
    """A sorting key that counts: numbers by value, everything else by spelling."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in _NUMBER.split(name) if part)
