"""A callback of ansible-core that writes what happens as lines of JSON, for comparing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]  # it has none

DOCUMENTATION = """
name: tell
type: stdout
short_description: lines of JSON
description: Writes each event into the file that TELL names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "tell"

    def __init__(self) -> None:
        super().__init__()
        self._file = Path(os.environ["TELL"]).open("a", buffering=1)  # noqa: SIM115  open as long as ansible runs

    def tell(self, *event: Any) -> None:
        self._file.write(json.dumps(event, default=str) + "\n")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self.tell("play", play.get_name())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002  as it is called
        self.tell("task", task.name, task.action, False)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.tell("task", task.name, task.action, True)

    def result(self, outcome: str, result: Any) -> None:
        self.tell("result", result.task.name, result.host.name, outcome, result.result)

    def v2_runner_on_ok(self, result: Any) -> None:
        self.result("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self.result("skipped", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self.result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.result("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self.tell("recap", {host: stats.summarize(host) for host in sorted(stats.processed)})
