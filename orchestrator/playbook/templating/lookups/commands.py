"""Lookups that run commands on the control node: pipe, lines."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

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
    try:
        done = subprocess.run(  # noqa: S602  the operator's own shell command is what this lookup is
            command,
            shell=True,
            cwd=call.files.base,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"the command takes more than {_SECONDS:g} s") from None
    if done.returncode:
        raise ValueError(f"the command ended with {done.returncode}")
    if len(done.stdout) > _LARGEST:
        raise ValueError(f"the command prints more than {_LARGEST >> 20} MiB")
    return done.stdout


LOOKUPS: dict[str, Lookup] = {"lines": lines, "pipe": pipe}
