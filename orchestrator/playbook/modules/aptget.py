"""What is asked of dpkg and apt on a host, and what they answer: one method an exchange."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Target, TaskFailed
from orchestrator.playbook.modules.debian import DpkgStatus, Policy, parse_policy
from orchestrator.playbook.modules.library import library

_NAMES_LIMIT = 16 << 20
_OUTPUT_LIMIT = 4 << 20
_NOTHING = re.compile(r"^0 (packages )?upgraded, 0 newly installed, 0 to remove", re.MULTILINE)
_SUMMARY = re.compile(r"\d+ (packages )?upgraded")
_BEGINNINGS = ("Resolving dependencies...", "Reading state information...")
_UNFETCHED = re.compile(rb"^(E: |Err:|W: Failed to fetch|W: Some index files failed)", re.MULTILINE)

_ASK = library("apt", tidy=True)
_RUN = library("apt")  # the same functions; but what a package starts may keep the outputs open


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is: dpkg's `status` of the packages asked for, which of them came `automatic`ally, the time in seconds
    since the epoch of the last update (`stamp`) and now, both 0 when unknown, and whether there is `aptitude`."""

    status: DpkgStatus
    automatic: frozenset[str]
    stamp: int
    now: int
    aptitude: bool


class AptGet:
    """dpkg and apt of one host, for one task."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def look(self, names: Sequence[str], *, clock: bool) -> Situation:
        """The Situation of packages `names`, which must be such as can exist; with the time if `clock`."""
        answer = await self._target.sh(_ASK, "apt_look", *names, limit=_NAMES_LIMIT, clock=clock)
        if answer.has("missing"):
            raise TaskFailed(f"the host has no {answer.get('missing')}: apt manages Debian and its kin only")
        return Situation(
            status=DpkgStatus(answer.get("status"), answer.get("architecture")),
            automatic=frozenset(answer.get("automatic").split()),
            stamp=seconds(answer.get("stamp")),
            now=seconds(answer.get("now")),
            aptitude=bool(answer.get("aptitude")),
        )

    async def names(self) -> list[str]:
        """All packages that apt knows, sorted."""
        answer = await self._target.sh(_ASK, "apt_names", limit=_NAMES_LIMIT)
        return sorted(_checked("apt-cache pkgnames", answer).split())

    async def policies(self, names: Sequence[str], release: str | None, status: DpkgStatus) -> Mapping[str, Policy]:
        """Policies of `names` with `release` preferred; unknown names are not in it."""
        answer = await self._target.sh(_ASK, "apt_policy", *names, limit=_NAMES_LIMIT, release=release or "")
        return parse_policy(_checked("apt-cache policy", answer), status.architecture)

    async def provided(self, name: str) -> bool:
        """Whether any package provides the virtual package `name`."""
        return bool((await self._target.sh(_ASK, "apt_provided", name)).get("by"))

    async def update(self) -> tuple[bool, Answer]:
        """Fetch the package lists; whether all of them came."""
        answer = await self._target.sh(_ASK, "apt_update", limit=_OUTPUT_LIMIT)
        failed = answer.rc != 0 or _UNFETCHED.search(answer.stderr) or _UNFETCHED.search(answer.stdout)
        return not failed, answer

    async def manual(self, names: Sequence[str]) -> None:
        """Mark packages as wanted for themselves. Raises TaskFailed."""
        _checked("apt-mark manual", await self._target.sh(_ASK, "apt_manual", *names))

    async def run(self, command: Sequence[str], policy_rc_d: int | None = None) -> Answer:
        """`command` without questions asked."""
        word = "" if policy_rc_d is None else str(policy_rc_d)
        return await self._target.sh(_RUN, "apt_run", *command, limit=_OUTPUT_LIMIT, policy_rc_d=word)


def text(data: bytes) -> str:
    """Output as text, undecodable bytes replaced."""
    return data.decode("utf-8", "replace")


def outputs(answer: Answer) -> dict[str, Any]:
    """Ansible's keys of what a command said."""
    said = {"stdout": text(answer.stdout), "stderr": text(answer.stderr)}
    return {**said, **{f"{key}_lines": value.splitlines() for key, value in said.items()}}


def failure(command: Sequence[str], answer: Answer, **keys: Any) -> TaskFailed:
    """What to raise for a `command` that failed, with its last words in the message."""
    said = text(answer.stderr).strip() or text(answer.stdout).strip()[-500:]
    return TaskFailed(f"'{shlex.join(command)}' failed: {said}", **outputs(answer), rc=answer.rc, **keys)


def idle(answer: Answer) -> bool:
    """Whether apt-get or aptitude says that there was nothing to do."""
    said = text(answer.stdout)
    return _NOTHING.search(said) is not None and "not fully installed or removed" not in said


def prepared(answer: Answer, wanted: bool) -> tuple[Diff, ...]:
    """The part of apt's output that says what changes, as Ansible shows it for ``--diff``."""
    if not wanted:
        return ()
    lines = text(answer.stdout).splitlines()
    starts = [index + 1 for index, line in enumerate(lines) if line in _BEGINNINGS]
    start = starts[0] if starts else 0
    ends = [index + 1 for index, line in enumerate(lines) if _SUMMARY.match(line)]
    return (Diff(prepared="\n".join(lines[start : ends[0] if ends else len(lines)])),)


def seconds(text: str) -> int:
    """A host's whole number, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _checked(command: str, answer: Answer) -> str:
    """The output of a command that must succeed and be whole."""
    if answer.rc != 0 or answer.truncated:
        said = answer.stderr.decode("utf-8", "replace").strip() or "its output is too long"
        raise TaskFailed(f"'{command}' failed: {said}", rc=answer.rc)
    return answer.stdout.decode("utf-8", "replace")
