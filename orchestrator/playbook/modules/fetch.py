"""ansible.builtin.fetch: a file of the host, kept here. What the host says is data, never a path to trust."""

from __future__ import annotations

import asyncio
import hashlib
import os
import posixpath
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.playbook.modules.base import Answer, Arguments, Module, Result, Target, TaskFailed, TaskSkipped
from orchestrator.playbook.modules.fields import Flag, Words
from orchestrator.playbook.modules.library import checked
from orchestrator.playbook.modules.stat import EXAMINE
from orchestrator.playbook.text import Text

_PIECE = 4 * 2**20
"""Bytes that come in one exchange."""


class FetchArguments(Arguments):
    """Those of ansible.builtin.fetch."""

    src: Words
    dest: Words
    flat: Flag = False
    fail_on_missing: Flag = True
    validate_checksum: Flag = True


class Fetch(Module[FetchArguments]):
    """One exchange when the file is here already or small, else one for each 4 MiB."""

    name = "ansible.builtin.fetch"
    check = "none"
    arguments = FetchArguments

    async def run(self, arguments: FetchArguments, target: Target) -> Result:
        """Raises TaskFailed, TaskSkipped."""
        if target.check:
            raise TaskSkipped("check mode not (yet) supported for this module")
        # Where the file goes depends on what ~ is there: then no content yet.
        dest = None if arguments.src.startswith("~") else _dest(arguments, arguments.src, target)
        here = _Digests() if dest is None else await _digests(dest)
        answer = await target.sh(
            EXAMINE,
            "seize",
            limit=_PIECE + 1,
            path=arguments.src,
            have=here.sha1,
            at_most=-1 if dest is None else _PIECE,
        )
        if missing := _missing(answer, arguments):
            return missing
        there = _looked_at(answer)
        if dest is None:
            dest = _dest(arguments, there.path, target)
            here = await _digests(dest)
        if here.sha1 == there.sha1:
            return Result(keys={"md5sum": here.md5, "file": there.path, "dest": str(dest), "checksum": here.sha1})
        return await _fetched(there, dest, arguments, target)


@dataclass(frozen=True, slots=True)
class _There:
    """The host's file as it was looked at; `content` if that came along."""

    path: str
    sha1: str
    size: int
    content: bytes | None


@dataclass(frozen=True, slots=True)
class _Digests:
    """Of a file that is here already, empty for none."""

    sha1: str = ""
    md5: str = ""


def _missing(answer: Answer, arguments: FetchArguments) -> Result | None:
    """The result for what is no file that can be read; None if it is one. Raises TaskFailed."""
    if answer.has("directory"):
        msg = "remote file is a directory, fetch cannot work on directories"
    elif answer.has("missing"):
        msg = "the remote file does not exist, not transferring, ignored"
    elif answer.has("unreadable"):
        msg = f"File is not readable: {answer.get('path')}"
    else:
        return None
    if arguments.fail_on_missing:
        raise TaskFailed(msg, file=answer.get("path"))
    return Result(keys={"file": answer.get("path"), "msg": msg}, msg=msg)


def _looked_at(answer: Answer) -> _There:
    checked(answer)
    path, sha1, size = answer.get("path"), answer.get("sha1"), answer.get("size")
    if not re.fullmatch(r"\d{1,18}", size) or not re.fullmatch(r"[0-9a-f]{40}", sha1):
        raise TaskFailed(f"could not read {path}: {answer.stderr.decode('utf-8', 'replace').strip()}")
    whole = 0 < len(answer.stdout) <= _PIECE
    return _There(path, sha1, int(size), answer.stdout if whole else None)


def _dest(arguments: FetchArguments, src: str, target: Target) -> Path:
    """Where `src`, which the host may have made up, is kept: never outside of what the playbook says."""
    dest = os.path.expanduser(os.path.expandvars(arguments.dest))  # noqa: PTH111  also with a slash at the end
    local = os.path.join(str(target.evaluate(Text("playbook_dir"))), dest)  # noqa: PTH118  keeps the slash, too
    inside = posixpath.normpath(f"/{src}").lstrip("/")
    if not arguments.flat:
        if target.host in ("", ".", "..") or "/" in target.host:
            raise TaskFailed(f"the name of the host, {target.host}, cannot be that of a folder: use flat")
        return Path(local, target.host, inside)
    if not dest.endswith("/"):
        if Path(local).is_dir():
            raise TaskFailed(
                "dest is an existing directory, use a trailing slash if you want to fetch src into that directory"
            )
        return Path(local)
    path = Path(local, posixpath.basename(inside))
    if path.is_dir():
        raise TaskFailed(
            f"calculated dest '{path}' is an existing directory, "
            "use another path that does not point to an existing directory"
        )
    return path


async def _digests(path: Path) -> _Digests:
    """Raises TaskFailed."""

    def read() -> _Digests:
        if path.exists() and not path.is_file():
            raise TaskFailed(f"{path} is not a regular file")
        sha1, md5 = hashlib.sha1(usedforsecurity=False), hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sha1.update(block)
                md5.update(block)
        return _Digests(sha1.hexdigest(), md5.hexdigest())

    try:
        return await asyncio.to_thread(read)
    except FileNotFoundError:
        return _Digests()
    except OSError as error:
        raise TaskFailed(f"could not read {path}: {error.strerror}") from None


async def _fetched(there: _There, dest: Path, arguments: FetchArguments, target: Target) -> Result:
    """Bring the file in beside `dest`, compare, and put it there."""
    part = dest.with_name(f".{secrets.token_hex(8)}.part")
    try:
        await asyncio.to_thread(_begin, part, there.size)
        if there.content is not None:
            await asyncio.to_thread(_append, part, there.content)
        else:
            await _pieces(part, there, target)
        got = await _digests(part)
        keys: dict[str, Any] = {"md5sum": got.md5, "dest": str(dest), "remote_md5sum": None, "checksum": got.sha1}
        keys["remote_checksum"] = there.sha1
        if arguments.validate_checksum and got.sha1 != there.sha1:
            raise TaskFailed("checksum mismatch", file=there.path, **keys)
        await asyncio.to_thread(_finish, part, dest)
    except OSError as error:
        raise TaskFailed(f"Failed to fetch the file to {dest}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    return Result(True, keys)


async def _pieces(part: Path, there: _There, target: Target) -> None:
    """All of the file as large as it was when it was looked at: no more is taken, whatever the host sends."""
    for number in range(-(-there.size // _PIECE)):
        answer = checked(await target.sh(EXAMINE, "piece", limit=_PIECE, path=there.path, at_most=_PIECE, skip=number))
        await asyncio.to_thread(_append, part, answer.stdout)
        done = min(there.size, (number + 1) * _PIECE)
        target.progress(f"fetched {done / 2**20:.1f} of {there.size / 2**20:.1f} MiB")


def _begin(part: Path, size: int) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    if size > shutil.disk_usage(part.parent).free:
        raise TaskFailed(f"the file has {size} bytes: more than are free in {part.parent}")
    part.touch(exist_ok=False)


def _append(part: Path, data: bytes) -> None:
    with part.open("ab") as file:
        file.write(data)


def _finish(part: Path, dest: Path) -> None:
    with suppress(FileNotFoundError):
        part.chmod(dest.stat().st_mode & 0o7777)
    part.replace(dest)


MODULE = Fetch()
