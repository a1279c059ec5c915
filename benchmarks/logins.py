"""Real auth logs through our parser, and through what such parsers usually are: a list of searches, one after another.

The naive loop knows a dozen of sshd's, sudo's and su's messages, takes the first address it finds, and keeps a dict; it
is what a quick script does, and it believes every lie. Both get the lines that the tests keep, again and again.
Processor seconds, so that what else runs counts less.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.timing import table
from orchestrator.logins.journal import parse_journal
from orchestrator.logins.parse import parse_line

LINES = 20_000
RUNS = 9
NOW = 1_795_370_400.0
OURS = "ours, files"
_RECORDED = Path(__file__).parents[1] / "tests" / "logins" / "recorded"
_HEADS = (
    (re.compile(r"^(\w{3}\s+\d+ \d\d:\d\d:\d\d) (\S+) ([\w-]+)(?:\[(\d+)\])?: (.*)$"), "%Y %b %d %H:%M:%S%z"),
    (re.compile(r"^(\d{4}-\S+) (\S+) ([\w-]+)(?:\[(\d+)\])?: (.*)$"), ""),
)
_NAIVE = [
    re.compile(pattern)
    for pattern in (
        r"Accepted (?P<method>\S+) for (?P<user>.*) from (?P<address>\S+) port (?P<port>\d+)",
        r"Failed (?P<method>\S+) for (?:invalid user )?(?P<user>.*) from (?P<address>\S+) port (?P<port>\d+)",
        r"Invalid user (?P<user>.*) from (?P<address>\S+) port (?P<port>\d+)",
        r"error: PAM: .* for (?:illegal user )?(?P<user>.*) from (?P<address>\S+)",
        r"User (?P<user>.*) from (?P<address>\S+) not allowed because",
        r"authentication failure;.*rhost=(?P<address>\S*)(?:\s+user=(?P<user>.*))?",
        r"session opened for user (?P<user>\S+)",
        r"session closed for user (?P<user>\S+)",
        r"Disconnected from user (?P<user>.*) (?P<address>\S+) port (?P<port>\d+)",
        r"Received disconnect from (?P<address>\S+) port (?P<port>\d+)",
        r"Connection (?:closed|reset) by (?:\w+ user (?P<user>.*) )?(?P<address>\S+) port (?P<port>\d+)",
        r"(?P<user>\S+) : .*USER=(?P<target>\S+) ; COMMAND=(?P<command>.*)",
        r"(?:FAILED SU )?\(to (?P<target>\S+)\) (?P<user>\S+) on",
    )
]


def lines(pattern: str) -> list[bytes]:
    """What the recorded hosts wrote, repeated."""
    found = [line for file in sorted(_RECORDED.glob(pattern)) for line in file.read_bytes().splitlines()]
    return (found * (LINES // len(found) + 1))[:LINES]


def _when(stamp: str, form: str) -> float:
    moment = datetime.strptime(f"2026 {stamp}+0000", form) if form else datetime.fromisoformat(stamp)  # noqa: DTZ007 - it has one
    return moment.timestamp()


def naive(line: bytes) -> dict[str, object] | None:
    """What a quick script makes of a line."""
    text = line.decode("utf-8", "replace")
    for head, form in _HEADS:
        found = head.match(text)
        if found is None:
            continue
        stamp = _when(found[1], form)
        for pattern in _NAIVE:
            said = pattern.search(found[5])
            if said is not None:
                return {"time": stamp, "host": found[2], "program": found[3], **said.groupdict()}
    return None


def processor_seconds(work: Callable[[Sequence[bytes]], None], given: Sequence[bytes]) -> list[float]:
    """Of `RUNS` runs, after one that is not counted."""
    work(given)
    taken = []
    for _ in range(RUNS):
        began = time.process_time()
        work(given)
        taken.append(time.process_time() - began)
    return taken


def main() -> None:
    """Print the table, and lines a second."""
    files = lines("*.traditional.log")[: LINES // 2] + lines("*.iso.log")[: LINES // 2]
    journal = lines("*.journal.json")

    def ours(given: Sequence[bytes]) -> None:
        for line in given:
            parse_line(line, host="web1", source="auth.log", now=NOW, zone=UTC)

    def ours_journal(given: Sequence[bytes]) -> None:
        for line in given:
            parse_journal(line, host="web1")

    def quick(given: Sequence[bytes]) -> None:
        for line in given:
            naive(line)

    measured = {
        OURS: processor_seconds(ours, files),
        "ours, journal": processor_seconds(ours_journal, journal),
        "a loop of searches, files": processor_seconds(quick, files),
    }
    print(table(OURS, measured))
    for name, taken in measured.items():
        print(f"{name:34} {LINES / statistics.median(taken):9,.0f} lines/s")


if __name__ == "__main__":
    main()
