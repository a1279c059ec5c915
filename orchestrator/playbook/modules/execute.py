"""Running what an operator wrote, and reading how it ended: shared by command, shell, raw and script."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from orchestrator.playbook.modules.accounts import EXPAND
from orchestrator.playbook.modules.base import Answer, TaskFailed
from orchestrator.playbook.modules.library import library

OUTPUT_LIMIT = 4 << 20
"""Bytes kept of each of stdout and stderr. Ansible has no bound: a host that floods takes the control node with it."""

GUARD = library("guard", EXPAND)


def outputs(answer: Answer, *, strip: bool = False) -> dict[str, Any]:
    """``rc``, ``stdout``, ``stderr`` and their lines, as Ansible gives them; `strip` takes newlines off the ends."""
    keys: dict[str, Any] = {"rc": answer.rc}
    for name, data in (("stdout", answer.stdout), ("stderr", answer.stderr)):
        text = data.decode("utf-8", "replace")
        keys[name] = text.rstrip("\r\n") if strip else text
        keys[f"{name}_lines"] = keys[name].splitlines()
    return keys


def said(answer: Answer) -> dict[str, Any]:
    """``stdout`` and ``stderr`` with their lines, where there is anything, of the programs that a module ran."""
    told = outputs(answer)
    return {key: told[key] for key in told if key != "rc" and told[key.removesuffix("_lines")]}


def truncation(answer: Answer) -> str:
    """What to say when output was left out, else nothing."""
    return f"output beyond {OUTPUT_LIMIT >> 20} MiB was left out" if answer.truncated else ""


def finish(answer: Answer, keys: Mapping[str, Any]) -> dict[str, Any]:
    """`keys` with what both kinds of end have in common. Raises TaskFailed for an exit status other than 0."""
    left_out = truncation(answer)
    done = {**keys, "changed": True} | ({"truncated": True} if left_out else {})
    if answer.rc != 0:
        done.pop("msg", None)
        raise TaskFailed(f"non-zero return code; {left_out}" if left_out else "non-zero return code", **done)
    if left_out:
        done["msg"] = left_out
    return done


class Stopwatch:
    """``start``, ``end`` and ``delta`` of a command, by the control node's clock: asking the host's takes two forks."""

    def __init__(self) -> None:
        self._started = datetime.now().astimezone()
        self._ticks = time.monotonic()

    def keys(self) -> dict[str, str]:
        """The three keys, spelled as Ansible does."""
        delta = timedelta(seconds=time.monotonic() - self._ticks)
        ended = self._started + delta
        return {"start": _stamp(self._started), "end": _stamp(ended), "delta": str(delta)}


def _stamp(moment: datetime) -> str:
    return str(moment.replace(tzinfo=None))
