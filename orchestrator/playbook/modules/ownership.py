"""The arguments that all modules which write files take, and what they tell of the file afterwards."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import stat
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import field_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Arguments, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Mode, Words, also
from orchestrator.playbook.modules.library import checked, library

FILES = library("files", library("attributes", tidy=True), tidy=True)
ATTRIBUTES = ("owner", "group", "mode", "attributes", "seuser", "serole", "setype", "selevel")
MAX_DIFF_SIZE = 104448
"""Bytes of a file that a diff shows at most: Ansible's MAX_FILE_SIZE_FOR_DIFF."""

_NUMBERS: dict[str, Callable[[str], Any]] = {"owner": int, "group": int, "mtime": float, "atime": float}
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)")
_STEP = re.compile(r"([-+=])([rwxXstugo]*)")


class FileArguments(Arguments):
    """Ansible's common file arguments (AnsibleModule's ``add_file_common_args``).

    SELinux parts take effect on hosts that have SELinux, `attributes` where chattr is.
    """

    owner: Words | None = None
    group: Words | None = None
    mode: Mode | None = None
    attributes: Words | None = also("attributes", "attr", default=None)
    seuser: Words | None = None
    serole: Words | None = None
    setype: Words | None = None
    selevel: Words | None = None
    unsafe_writes: Flag = False

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, mode: int | str | None) -> int | str | None:
        compiled(mode)
        return mode

    @field_validator("seuser", "serole", "setype", "selevel")
    @classmethod
    def _no_default_context(cls, part: str | None) -> str | None:
        if part == "_default":
            raise ValueError("_default is not supported: name the context, or leave it out")
        return part


def compiled(mode: int | str | None) -> str | None:
    """`mode` as the shell's `wanted` reads it: octal digits, or clauses of one user, one operator and letters each
    (``ug+rX,=r`` is ``u+rX g+rX ~u=r ~g=r ~o=r``, ``~`` meaning that the umask applies). Raises ValueError."""
    if mode is None:
        return None
    if isinstance(mode, int):
        if not 0 <= mode <= 0o7777:
            raise ValueError(f"{mode} is no mode: write it in quotes, '0644', or symbolic, u=rw,g=r")
        return f"{mode:o}"
    try:
        return f"{stat.S_IMODE(int(mode, 8)):o}"
    except ValueError:
        pass
    clauses = []
    for part in mode.split(","):
        match = _CLAUSE.fullmatch(part)
        if not match:
            raise ValueError(f"{mode!r} is no mode: it must be octal ('0644') or symbolic (u=rw,g=r)")
        users, steps = match.groups()
        prefix = "" if users else "~"
        for operator, letters in _STEP.findall(steps):
            clauses += [prefix + user + operator + letters for user in users.replace("a", "ugo") or "ugo"]
    return " ".join(clauses)


def common(arguments: FileArguments, target: Target) -> dict[str, Any]:
    """What `files.sh` wants to know of every task."""
    return {
        "owner": arguments.owner,
        "group": arguments.group,
        "mode": None if arguments.mode == "preserve" else compiled(arguments.mode),
        "attributes": arguments.attributes,
        "seuser": arguments.seuser,
        "serole": arguments.serole,
        "setype": arguments.setype,
        "selevel": arguments.selevel,
        "unsafe_writes": arguments.unsafe_writes,
        "check": target.check,
        "diff": target.diff,
        "show_at_most": MAX_DIFF_SIZE,
        "token": f"{secrets.token_hex(12)}.tmp",
        "backup": None,
        "validate": None,
        "sha1": None,
        "size": None,
    }


def validation(command: str | None) -> list[str] | None:
    """The words of a ``validate`` command, ``%s`` in one of them being the file. Raises TaskFailed without it."""
    if not command:
        return None
    if command.count("%s") != 1:
        raise TaskFailed(f"validate must contain %s: {command}")
    return [word.replace("%%", "%") for word in shlex.split(command)]


def written(answer: Answer) -> Answer:
    """`answer` of a program that puts files. Raises TaskFailed, telling what a ``validate`` command said."""
    if answer.has("validate_rc"):
        stdout, stderr = answer.get("validate_stdout"), answer.get("validate_stderr")
        rc = int(answer.get("validate_rc"))
        msg = f"failed to validate: rc:{rc} error:{stderr.strip() or stdout}"
        raise TaskFailed(msg, exit_status=rc, stdout=stdout, stderr=stderr)
    return checked(answer)


def described(answer: Answer) -> dict[str, Any]:
    """The keys that Ansible adds to every result of a file that exists: owner, group, uid, gid, mode, size, state."""
    if not answer.has("stat"):
        return {}
    raw, uid, gid, size, links, _, _, owner, group = answer.get("stat").split(":", 8)
    bits = int(raw, 16)
    return {
        "uid": int(uid),
        "gid": int(gid),
        "owner": uid if owner == "UNKNOWN" else owner,
        "group": gid if group == "UNKNOWN" else group,
        "mode": f"0{stat.S_IMODE(bits):03o}",
        "size": int(size),
        "state": state(bits, int(links)),
    }


def state(bits: int, links: int) -> str:
    """Ansible's word for a file with these `bits` of st_mode and so many hard `links`."""
    if stat.S_ISLNK(bits):
        return "link"
    if stat.S_ISDIR(bits):
        return "directory"
    return "hard" if links > 1 else "file"


def attribute_diff(answer: Answer, **both: tuple[Any, Any]) -> Diff:
    """The differences that `differ` reported, with those of `both` (before, after), as Ansible prints such a diff."""
    before: dict[str, Any] = {key: old for key, (old, _) in both.items() if old is not None}
    after: dict[str, Any] = {key: new for key, (_, new) in both.items() if new is not None}
    for key, value in answer.records:
        side, _, name = key.partition(".")
        if name and side in ("before", "after"):
            text = value.decode("utf-8", "surrogateescape")
            (before if side == "before" else after)[name] = _NUMBERS.get(name, str)(text)
    return Diff(before=_printed(before), after=_printed(after))


def _printed(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, indent=4, separators=(",", ": ")) + "\n"
