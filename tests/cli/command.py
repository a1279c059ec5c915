"""The installed program as a user runs it: a process, its two streams, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What one run of the command line said and ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


def environment(home: Path) -> dict[str, str]:
    """The environment of a run in `home`, free of settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "ORCHESTRATOR_HOME": str(home), "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}


def orchestrator(home: Path, *argv: str, stdin: str = "", **extra: str) -> Ran:
    """Run ``orchestrator ARGV`` in `home`; `extra` is added to its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *argv],
        input=stdin,
        capture_output=True,
        text=True,
        env={**environment(home), **extra},
        check=False,
        timeout=100,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
