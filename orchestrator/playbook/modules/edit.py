"""Editing a file of the host here: read it, change it, write it back. One exchange when nothing changes, else two."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Program, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import FILES, FileArguments, attribute_diff, common, validation, written
from orchestrator.playbook.templating.bounds import Exhausted, processor_time

_EDIT = Program("edit", library("edit").text, (FILES,), tidy=True)
_AT_MOST = 16 * 2**20
_TRIES = 3
"""A file that somebody else changes between reading and writing is read again, so often."""


class EditArguments(FileArguments):
    """What lineinfile, blockinfile and replace have in common."""

    path: Words = also("path", "dest", "destfile", "name")
    backup: Flag = False
    validate_: Words | None = also("validate", default=None)


@dataclass(frozen=True, slots=True)
class Edited:
    """A file's new `content`, None where nothing changes; what was done in words, further keys of the result."""

    content: bytes | None
    msg: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)
    final: bool = False
    """No attribute is set either."""


Edit = Callable[[str, bytes | None], Edited]
"""From the path and the content (None: there is no such file) to what becomes of it. Raises TaskFailed."""


async def edit(
    change: Edit, arguments: EditArguments, target: Target, *, heading: str = "", kept: str = "backup_file"
) -> Result:
    """Do `change` to the file; `heading` follows the path over a diff, `kept` is the key of the backup's path.

    A regular expression that takes more than 5 s of processor time is given up. Raises TaskFailed.
    """
    for _ in range(_TRIES):
        read = await _read(arguments, target)
        path = read.get("path")
        original = read.stdout if read.has("exists") else None
        try:
            with processor_time():
                edited = change(path, original)
        except Exhausted as error:
            raise TaskFailed(f"editing {path}: {error}") from None
        wrote = await _write(edited, original, read, arguments, target)
        if wrote is None or not wrote.has("meanwhile"):
            break
    else:
        raise TaskFailed(f"{path} was changed by somebody else each time it was edited")
    adjusted = not edited.final and any(answer is not None and answer.flag("adjusted") for answer in (read, wrote))
    msg = edited.msg
    if adjusted:
        msg += (" and " if edited.content is not None else "") + "ownership, perms or SE linux context changed"
    keys = {**edited.keys, "msg": msg}
    if wrote is not None and wrote.has("backup_file"):
        keys[kept] = wrote.get("backup_file")
    diffs = tuple(_diffs(path, edited, read, heading)) if target.diff else ()
    return Result(edited.content is not None or adjusted, keys, diffs, msg)


async def _read(arguments: EditArguments, target: Target) -> Answer:
    variables = {**common(arguments, target), "check": True, "path": arguments.path, "at_most": _AT_MOST}
    read = checked(await target.sh(_EDIT, "edit_read", limit=_AT_MOST + 1, **variables))
    if read.has("directory"):
        raise TaskFailed(f"Path {read.get('path')} is a directory !", rc=256)
    if read.truncated:
        raise TaskFailed(f"{read.get('path')} is larger than {_AT_MOST} bytes")
    return read


async def _write(
    edited: Edited, original: bytes | None, read: Answer, arguments: EditArguments, target: Target
) -> Answer | None:
    """What the host said to the change, None when there was none to make."""
    variables = {
        **common(arguments, target),
        "path": arguments.path,
        "backup": arguments.backup,
        "validate": validation(arguments.validate_),
    }
    if target.check or edited.final:
        return None
    if edited.content is not None:
        variables["size"] = len(edited.content)
        variables["was"] = None if original is None else hashlib.sha1(original, usedforsecurity=False).hexdigest()
        return written(await target.sh(_EDIT, "edit_write", stdin=edited.content, **variables))
    if read.flag("adjusted"):
        return checked(await target.sh(_EDIT, "edit_apply", **variables))
    return None


def _diffs(path: str, edited: Edited, read: Answer, heading: str) -> Iterator[Diff]:
    if edited.content is not None:
        yield Diff(_shown(read.stdout), _shown(edited.content), f"{path}{heading}", f"{path}{heading}")
    if read.flag("adjusted") and not edited.final:
        attributes, header = attribute_diff(read), f"{path} (file attributes)"
        yield Diff(attributes.before, attributes.after, header, header)


def _shown(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def encoded(text: str) -> bytes:
    """`text` of a playbook as a file holds it."""
    return text.encode("utf-8", "surrogateescape")


def _known_pattern(text: str) -> str:
    """`text`, if it is a regular expression for text. Raises ValueError."""
    return _compiled(text, text)


def _known_bytes_pattern(text: str) -> str:
    """`text`, if it is a regular expression for bytes, which knows fewer escapes. Raises ValueError."""
    return _compiled(text, encoded(text))


def _compiled(text: str, pattern: str | bytes) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


Pattern = Annotated[Words, AfterValidator(_known_pattern)]
BytesPattern = Annotated[Words, AfterValidator(_known_bytes_pattern)]
