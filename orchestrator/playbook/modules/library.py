"""The shell functions that modules share: `sh/NAME.sh` as a Program, and the way they tell of a failure."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from orchestrator.playbook.modules.base import Answer, Program, TaskFailed


@cache
def library(name: str, *needs: Program, tidy: bool = False) -> Program:
    """The functions of ``sh/NAME.sh``, which may call those of `needs`; no comments: every byte goes to every host."""
    text = files(__package__).joinpath("sh", f"{name}.sh").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return Program(name, "\n".join(line for line in lines if line) + "\n", needs, tidy)


def checked(answer: Answer, **keys: Any) -> Answer:
    """`answer` of a program that ended well.

    Raises TaskFailed, with `keys`, for one that called ``fail`` or ended with another status than 0.
    """
    if answer.rc == 0 and not answer.has("failed"):
        return answer
    complaint = answer.stderr.decode("utf-8", "replace").strip()
    reason = answer.get("failed") or f"the program ended with status {answer.rc}"
    raise TaskFailed(f"{reason}: {complaint}" if complaint else reason, **keys)
