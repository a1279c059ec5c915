"""A person at a terminal: the program runs on a pseudo-terminal, and what it shows can be waited for and answered."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.command import environment


class Person:
    """``orchestrator ARGV`` on a terminal of its own."""

    def __init__(self, home: Path, *argv: str, **extra: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, 100))
        # Nobody here answers where the cursor is (ECMA-48, CPR).
        environ = {**environment(home), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **extra}
        command = [sys.executable, "-m", "orchestrator", *argv]
        self.process = subprocess.Popen(
            command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def sees(self, text: str, within: float = 30.0) -> str:
        """Wait until `text` was shown since the last call; returns what was shown up to then."""
        deadline = time.monotonic() + within
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} was not shown, but: {self.seen}"
            assert self._read(left), f"{text!r} was not shown before the end, but: {self.seen}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def types(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._ours, line.encode() + b"\r")

    def presses(self, key: bytes) -> None:
        """Press one key, like ``\\x04`` for Ctrl-D."""
        os.write(self._ours, key)

    def leaves(self, within: float = 30.0) -> int:
        """Wait for the end; returns the exit status."""
        deadline = time.monotonic() + within
        while self._read(max(0.0, deadline - time.monotonic())):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, within: float) -> bool:
        if not select.select([self._ours], [], [], within)[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)
