"""What is asked of a prepared shell, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ssh.result import MIB, Result


@dataclass(frozen=True, slots=True)
class Library:
    """POSIX sh function definitions that calls need: sent once to each shell, known by `name` and `text` together."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A program for a prepared shell: POSIX sh that runs in a subshell in which `libraries` are defined.

    In it ``say KEY VALUE`` reports a record: KEY without ``=``, VALUE any text but NUL. `stdin` is exactly what the
    program can read; a Path is streamed, `on_progress` gets the count of bytes sent so far. `timeout` is in seconds;
    `limit` bounds what is kept of each of standard output and standard error in bytes, half from the head, half from
    the tail.

    `tidy` promises that the program leaves no process behind that could still write to its outputs: no command of
    somebody else's, no service. That spares two processes a call, which else keep late output away from later calls.
    """

    script: str
    libraries: tuple[Library, ...] = ()
    stdin: bytes | Path = b""
    timeout: float = 60.0
    limit: int = MIB
    on_progress: Callable[[int], None] | None = None
    tidy: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of one `Call`: its `result`, and the `records` it reported, in order, at most 4 MiB in all.

    A call that did not come to its end has the records that arrived before.
    """

    result: Result
    records: tuple[tuple[str, bytes], ...] = ()
