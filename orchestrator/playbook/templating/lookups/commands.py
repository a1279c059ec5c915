"""Lookups that run commands on the control node: pipe, lines."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.playbook.programs import output_of
from orchestrator.playbook.templating.lookups.call import Call, Lookup

_SECONDS = 60.0
"""Everything else waits meanwhile."""
_LARGEST = 16 << 20


def pipe(call: Call) -> Iterator[str]:
    """What a shell command prints."""
    call.only()
    for term in call.terms:
        yield _output(call, str(term)).decode("utf-8", "surrogateescape").rstrip()


def lines(call: Call) -> Iterator[str]:
    """The lines that a shell command prints."""
    call.only()
    for term in call.terms:
        yield from (line.decode("utf-8", "surrogateescape") for line in _output(call, str(term)).splitlines())


def _output(call: Call, command: str) -> bytes:
    return output_of(command, folder=call.files.base, seconds=_SECONDS, at_most=_LARGEST)


LOOKUPS: dict[str, Lookup] = {"lines": lines, "pipe": pipe}
