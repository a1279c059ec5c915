"""ansible-playbook as the judge: runs a playbook and tells what happened on each host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conformance.told import COUNTS, Outcome, Run, Task, where

_CALLBACKS = Path(__file__).with_name("callback")
_SSH = "-F none -o ControlMaster=auto -o ControlPersist=300"
_CONFIGURATION = """
[defaults]
callbacks_enabled = told
stdout_callback = default
forks = 5
retry_files_enabled = False
[ssh_connection]
pipelining = True
[connection]
pipelining = True
"""


class Judge:
    """ansible-playbook with the inventory and the known hosts of the home `fleet`; its own things are in `home`."""

    def __init__(self, home: Path, fleet: Path) -> None:
        self._home = home
        self._inventory = fleet / "inventory"
        home.mkdir()
        (home / "ansible.cfg").write_text(_CONFIGURATION)
        self._environment = os.environ | {
            "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
            "ANSIBLE_SSH_ARGS": f"{_SSH} -o UserKnownHostsFile={fleet / 'keys/known_hosts'}",
            "ANSIBLE_SSH_CONTROL_PATH": str(home / "%%C"),
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
        }

    def play(self, playbook: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
        """Run `playbook` and tell."""
        told = self._home / "told"
        told.unlink(missing_ok=True)
        ansible = [sys.executable, "-m", "ansible", "playbook", "-i", str(self._inventory), str(playbook), *arguments]
        done = subprocess.run(
            ansible,
            env=self._environment | {"TOLD_FILE": str(told)} | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
        lines = told.read_text().splitlines() if told.exists() else []
        return _run(done.returncode, [json.loads(line) for line in lines], done.stderr)

    def close(self) -> None:
        """End the ssh connections that ControlPersist keeps."""
        for socket in self._home.iterdir():
            if socket.is_socket():
                subprocess.run(
                    ["ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={socket}", "any"],
                    capture_output=True,
                    check=False,
                )


def _run(status: int, events: Sequence[Mapping[str, Any]], errors: str) -> Run:
    tasks: dict[str, Task] = {}
    order: list[Task] = []
    recap: dict[str, dict[str, int]] = {}
    for event in events:
        match event["event"]:
            case "task":
                name = event["name"]
                task = Task(name, event["module"], where(event["where"]), event["handler"])
                tasks[event["id"]] = task
                order.append(task)
            case "host":
                outcome = Outcome(event["outcome"], event["ignored"], event["result"], _diffs(event["result"]))
                tasks[event["id"]].hosts[event["host"]] = outcome
            case "recap":
                recap = {host: _counts(counts) for host, counts in event["hosts"].items()}
    return Run(status, order, recap, errors)


def _diffs(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = result.get("diff") or []
    diffs = [diff for diff in (told if isinstance(told, list) else [told]) if isinstance(diff, dict)]
    pairs = [(diff.get("before"), diff.get("after")) for diff in diffs]
    return [(before, after) for before, after in pairs if isinstance(before, str) and isinstance(after, str)]


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts["failures" if name == "failed" else name] for name in COUNTS}
