"""Running what an operator wrote, and reading how it ended: shared by command, shell, raw and script."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from orchestrator.playbook.modules.base import Answer, Program, TaskFailed
from orchestrator.playbook.modules.expand import EXPAND

OUTPUT_LIMIT = 4 << 20
"""Bytes kept of each of stdout and stderr. Ansible has no bound: a host that floods takes the control node with it."""

GUARD = Program(
    "guard",
    r"""
# matches PATTERN: whether a file of that name, or one that fits the pattern, exists.
matches() {
    expand "$1"
    case $expanded in
    *[*?[]*)
        IFS=''
        # shellcheck disable=SC2086 # expanding the pattern is the point
        set -- $expanded
        unset IFS
        ;;
    *) set -- "$expanded" ;;
    esac
    [ -e "$1" ] || [ -h "$1" ]
}

# guard: go to $chdir; fails when there is nothing to run, and says why.
# shellcheck disable=SC2154 # chdir, creates, removes: parameters
guard() {
    if [ -n "${chdir-}" ]; then
        expand "$chdir"
        case $expanded in -*) expanded=./$expanded ;; esac
        if ! CDPATH='' cd "$expanded" 2>/dev/null; then
            say stopped chdir
            return 1
        fi
    fi
    if [ -n "${creates-}" ] && matches "$creates"; then
        say stopped creates
        return 1
    fi
    if [ -n "${removes-}" ] && ! matches "$removes"; then
        say stopped removes
        return 1
    fi
}
""",
    (EXPAND,),
)


def outputs(answer: Answer, *, strip: bool = False) -> dict[str, Any]:
    """``rc``, ``stdout``, ``stderr`` and their lines, as Ansible gives them; `strip` takes newlines off the ends."""
    keys: dict[str, Any] = {"rc": answer.rc}
    for name, data in (("stdout", answer.stdout), ("stderr", answer.stderr)):
        text = data.decode("utf-8", "replace")
        keys[name] = text.rstrip("\r\n") if strip else text
        keys[f"{name}_lines"] = keys[name].splitlines()
    return keys


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
