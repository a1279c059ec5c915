"""Our own command line: runs a playbook and tells what happened on each host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.told import Outcome, Run, Task, where


class Ours:
    """``orchestrator play --json`` in the home `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def play(self, playbook: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
        """Run `playbook` and tell."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "orchestrator",
                "--home",
                str(self._home),
                "play",
                str(playbook),
                "--json",
                *arguments,
            ],
            env={**kept, "LC_ALL": "C.UTF-8", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        told = json.loads(done.stdout) if done.stdout else {"hosts": {}, "tasks": []}
        return Run(done.returncode, [_task(task) for task in told["tasks"]], told["hosts"], done.stderr)

    def close(self) -> None:
        """Nothing outlives a run of ours."""


def _task(told: Mapping[str, Any]) -> Task:
    hosts = {host: _outcome(result) for host, result in told["hosts"].items()}
    return Task(told["name"], told["module"], where(told["where"]), told["handler"], hosts)


def _outcome(told: Mapping[str, Any]) -> Outcome:
    return Outcome(told["outcome"], told["ignored"], told["result"], _diffs(told["diff"]))


def _diffs(told: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Those of texts: attributes of a file, which Ansible gives as mappings, are compared on the disk."""
    texts = [diff for diff in told if not diff["prepared"] and not diff["after_header"].endswith(" (file attributes)")]
    return [(diff["before"], diff["after"]) for diff in texts]
