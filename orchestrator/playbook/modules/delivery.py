"""Bringing content from here into one file of a host: what copy, template and their like have in common."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import field_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Program, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import library
from orchestrator.playbook.modules.ownership import (
    FILES,
    MAX_DIFF_SIZE,
    FileArguments,
    common,
    compiled,
    described,
    validation,
    written,
)

COPY = Program("copy", library("copy").text, (FILES,), tidy=True)
_VAULT = b"$ANSIBLE_VAULT;"
AT_ONCE = 256 * 1024
"""Bytes of content that travel along with the question whether they are needed; more follow only when they are."""


class DeliveryArguments(FileArguments):
    """What copy and template have in common."""

    dest: Words
    backup: Flag = False
    force: Flag = True
    follow: Flag = False
    validate_: Words | None = also("validate", default=None)

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, mode: int | str | None) -> int | str | None:
        if mode != "preserve":
            compiled(mode)
        return mode


def kept_mode(mode: int | str | None, path: Path) -> str | None:
    """`mode` as the shell takes it, ``preserve`` being that of the local file `path`. Raises OSError."""
    return f"{stat.S_IMODE(path.stat().st_mode):o}" if mode == "preserve" else compiled(mode)


def readable(path: Path) -> Path:
    """`path` of the control node, if reading it comes to an end: a pipe or a device may never. Raises TaskFailed.

    ``/dev/null`` is how playbooks spell the empty file.
    """
    if path.is_file() or path.is_dir() or path == Path(os.devnull):
        return path
    raise TaskFailed(f"{path} is neither a file nor a folder")


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a file: `data`, bytes or a local file that holds them; its `sha1`, `md5` and `size` in bytes.

    `name` is what it is called in a folder (empty: it cannot go into one), `source` how a diff heads it.
    """

    data: bytes | Path
    sha1: str
    md5: str
    size: int
    name: str = ""
    source: str = ""

    @classmethod
    def of(cls, data: bytes, name: str = "", source: str = "") -> Content:
        """`data` as it is."""
        sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return cls(data, sha1, md5, len(data), name, source)

    @classmethod
    def of_file(cls, path: Path, reveal: Callable[[bytes], bytes] | None = None, at_once: int = AT_ONCE) -> Content:
        """The file `path`: in memory up to `at_once` bytes or when a vault's that `reveal` decrypts, else streamed.

        Reads it all: not for the event loop. Raises OSError.
        """
        status = path.stat()
        with path.open("rb") as file:
            encrypted = reveal is not None and file.read(len(_VAULT)) == _VAULT
        if encrypted or status.st_size <= at_once:
            data = path.read_bytes()
            return cls.of(reveal(data) if reveal and encrypted else data, path.name, str(path))
        sha1, md5 = _digests(path, status.st_size, status.st_mtime_ns, status.st_ino)
        return cls(path, sha1, md5, status.st_size, path.name, str(path))

    def read(self) -> bytes:
        """All of it. Raises OSError."""
        return self.data if isinstance(self.data, bytes) else self.data.read_bytes()


@lru_cache(maxsize=4096)
def _digests(path: Path, _size: int, _mtime_ns: int, _inode: int) -> tuple[str, str]:
    """Of a file that goes to a thousand hosts, computed once while it does not change."""
    sha1, md5 = hashlib.sha1(usedforsecurity=False), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha1.update(block)
            md5.update(block)
    return sha1.hexdigest(), md5.hexdigest()


async def deliver(content: Content, arguments: DeliveryArguments, target: Target, **more: Any) -> Result:
    """Make the host's file hold `content`: one exchange, two when it is large and needed.

    `more` are further variables of ``copy.sh``. Raises TaskFailed.
    """
    parameters = {
        **common(arguments, target),
        "dest": arguments.dest,
        "base": content.name or None,
        "sha1": content.sha1,
        "size": None if isinstance(content.data, Path) else content.size,
        "force": arguments.force,
        "follow": arguments.follow,
        "backup": arguments.backup,
        "validate": validation(arguments.validate_),
        **more,
    }
    small = content.size <= AT_ONCE
    answer = written(
        await target.sh(COPY, "copy", stdin=content.read() if small else b"", withheld=not small, **parameters)
    )
    diff = _diff(content, answer) if target.diff and answer.has("copied") else None
    if answer.has("withheld"):
        target.progress(f"sending {content.size / 2**20:.1f} MiB")
        answer = written(await target.sh(COPY, "copy", stdin=content.data, **{**parameters, "diff": False}))
    return _result(content, arguments, answer, diff)


def _result(content: Content, arguments: DeliveryArguments, answer: Answer, diff: Diff | None) -> Result:
    dest = answer.get("path") or arguments.dest
    keys: dict[str, Any] = {"dest": dest, **described(answer)}
    if answer.has("copied"):
        keys |= {"src": content.source or None, "md5sum": content.md5, "checksum": content.sha1}
    elif answer.has("changed"):
        keys |= {"path": dest, "checksum": content.sha1}
    else:
        keys["src"] = content.source or None
    if answer.has("backup_file"):
        keys["backup_file"] = answer.get("backup_file")
    return Result(answer.flag("changed"), keys, (diff,) if diff else ())


def _diff(content: Content, answer: Answer) -> Diff:
    """As ActionBase._get_diff_data does it: nothing of binary files and of those larger than a diff shows.

    The headings are the file's own on the host, as in diff(1); Ansible puts there where the content came from.
    """
    dest = answer.get("path")
    after = note = ""
    if content.size > MAX_DIFF_SIZE:
        note = f"diff skipped: source file size is greater than {MAX_DIFF_SIZE}\n"
    elif b"\0" in (data := content.read()):
        note = "diff skipped: source file appears to be binary\n"
    else:
        after = data.decode("utf-8", "replace")
    if answer.has("before_larger"):
        note = f"diff skipped: destination file size is greater than {MAX_DIFF_SIZE}\n" + note
    elif b"\0" in answer.stdout[:8192]:
        note = "diff skipped: destination file appears to be binary\n" + note
    if note:
        return Diff(prepared=note)
    before = answer.stdout.decode("utf-8", "replace")
    return Diff(before, after, dest if answer.has("existed") else "/dev/null", dest)
