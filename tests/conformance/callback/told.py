"""A callback plugin, loaded by ansible-playbook: writes what happened as lines of JSON to the file TOLD_FILE."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]  # ansible-core has no types

_HIDDEN = ("invocation", "_ansible")


class CallbackModule(CallbackBase):  # type: ignore[misc]  # untyped base
    """One line an event: ``play``, ``task``, ``host`` (a task's result on a host) and, at the end, ``recap``."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "told"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = Path(os.environ["TOLD_FILE"]).open("w")  # noqa: SIM115  open as long as the run

    def _tell(self, event: str, **keys: Any) -> None:
        self._file.write(json.dumps({"event": event, **keys}) + "\n")
        self._file.flush()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._tell("play", name=str(play.get_name()))

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002  Ansible's signature
        self._task(task, handler=False)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._task(task, handler=True)

    def _task(self, task: Any, *, handler: bool) -> None:
        self._tell(
            "task",
            id=task._uuid,
            name=str(task.get_name()),
            module=str(task.resolved_action or task.action),
            where=str(task.get_path()),
            handler=handler,
        )

    def v2_runner_on_ok(self, result: Any) -> None:
        self._host(result, "changed" if result.is_changed() else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._host(result, "failed", ignored=bool(ignore_errors))

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._host(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._host(result, "unreachable")

    def _host(self, result: Any, outcome: str, *, ignored: bool = False) -> None:
        self._tell(
            "host",
            id=result.task._uuid,
            host=str(result.host.get_name()),
            outcome=outcome,
            ignored=ignored,
            result=_plain(result.result),
        )

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._tell("recap", hosts={str(host): dict(stats.summarize(host)) for host in stats.processed})


def _plain(value: Any) -> Any:
    """`value` without Ansible's tags and internals, as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not str(key).startswith(_HIDDEN)}
    if isinstance(value, str):
        return "".join(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return bool(value) if value is not None else None
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)
