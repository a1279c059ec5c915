"""ansible.builtin.lineinfile: one line of a file is there, or is not."""

from __future__ import annotations

import io
import re
from typing import Literal

from pydantic import model_validator

from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.edit import BytesPattern, EditArguments, Edited, edit, encoded
from orchestrator.playbook.modules.fields import Flag, Words, also

_NONE = -1


class LineArguments(EditArguments):
    """Those of ansible.builtin.lineinfile."""

    state: Literal["absent", "present"] = "present"
    regexp: BytesPattern | None = also("regexp", "regex", default=None)
    search_string: Words | None = None
    line: Words | None = also("line", "value", default=None)
    insertafter: BytesPattern | None = None
    insertbefore: BytesPattern | None = None
    backrefs: Flag = False
    create: Flag = False
    firstmatch: Flag = False

    @model_validator(mode="after")
    def _fitting(self) -> LineArguments:
        for one, other in (("insertbefore", "insertafter"), ("regexp", "search_string"), ("backrefs", "search_string")):
            if getattr(self, one) and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} are mutually exclusive")
        if self.state == "present":
            if self.line is None:
                raise ValueError("line is required with state=present")
            if self.backrefs and self.regexp is None:
                raise ValueError("regexp is required with backrefs=true")
        elif self.regexp is None and self.search_string is None and self.line is None:
            raise ValueError("one of line, search_string, or regexp is required with state=absent")
        return self


class LineInFile(Module[LineArguments]):
    """Works on bytes, as Ansible's does: lines end with a line feed."""

    name = "ansible.builtin.lineinfile"
    arguments = LineArguments

    async def run(self, arguments: LineArguments, target: Target) -> Result:
        """Raises TaskFailed."""

        def change(path: str, content: bytes | None) -> Edited:
            if arguments.state == "absent":
                return _absent(content, arguments)
            if content is None and not arguments.create:
                raise TaskFailed(f"Destination {path} does not exist !", rc=257)
            lines = io.BytesIO(content or b"").readlines()
            msg = _present(lines, arguments)
            return Edited(b"".join(lines) if msg else None, msg, {"backup": ""})

        return await edit(change, arguments, target, heading=" (content)", kept="backup")


def _absent(content: bytes | None, arguments: LineArguments) -> Edited:
    if content is None:
        return Edited(None, "file not present", final=True)
    lines = io.BytesIO(content).readlines()
    if arguments.regexp is not None or arguments.search_string is not None:
        left = [line for line in lines if not _matches(line, arguments)]
    else:
        left = [line for line in lines if line.rstrip(b"\r\n") != encoded(arguments.line or "")]
    found = len(lines) - len(left)
    msg = f"{found} line(s) removed" if found else ""
    return Edited(b"".join(left) if found else None, msg, {"backup": "", "found": found})


def _matches(line: bytes, arguments: LineArguments) -> re.Match[bytes] | bool | None:
    if arguments.regexp is not None:
        return re.search(encoded(arguments.regexp), line)
    return arguments.search_string is not None and encoded(arguments.search_string) in line


def _present(lines: list[bytes], arguments: LineArguments) -> str:
    """Make the line one of `lines`; what was done, empty for nothing. Raises TaskFailed.

    What regexp or search_string finds is replaced, the last of them unless firstmatch. Else the line is put where
    insertafter or insertbefore say, unless it is there already, anywhere.
    """
    line = encoded(arguments.line or "")
    ended = line if line.endswith(b"\n") else line + b"\n"
    index, match = _found(lines, arguments)
    place = _NONE
    if index == _NONE:
        index, place = _places(lines, line, arguments)
    if index != _NONE:
        if arguments.backrefs and isinstance(match, re.Match):
            ended = _expanded(match, line)
        if lines[index] == ended:
            return ""
        lines[index] = ended
        return "line replaced"
    if arguments.backrefs:
        return ""
    if "BOF" in (arguments.insertafter, arguments.insertbefore):
        lines.insert(0, line + b"\n")
        return "line added"
    if place == _NONE or place == len(lines):
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            lines[-1] += b"\n"
        place = len(lines)
    elif arguments.insertafter is not None and lines[place].rstrip(b"\r\n") == line:
        return ""
    lines.insert(place, line + b"\n")
    return "line added"


def _found(lines: list[bytes], arguments: LineArguments) -> tuple[int, re.Match[bytes] | bool | None]:
    """Index and match of the line to replace."""
    found: tuple[int, re.Match[bytes] | bool | None] = (_NONE, None)
    for index, line in enumerate(lines):
        if match := _matches(line, arguments):
            found = (index, match)
            if arguments.firstmatch:
                break
    return found


def _places(lines: list[bytes], wanted: bytes, arguments: LineArguments) -> tuple[int, int]:
    """Index of the line that is `wanted` itself, and that at which to insert it."""
    same = place = _NONE
    after = arguments.insertafter not in (None, "BOF", "EOF")
    pattern = arguments.insertafter if after else arguments.insertbefore
    anchor = re.compile(encoded(pattern)) if pattern is not None and pattern != "BOF" else None
    for index, line in enumerate(lines):
        if line.rstrip(b"\r\n") == wanted:
            same = index
        elif anchor is not None and anchor.search(line):
            place = index + 1 if after else index
            if arguments.firstmatch:
                break
    return same, place


def _expanded(match: re.Match[bytes], line: bytes) -> bytes:
    try:
        expanded = match.expand(line)
    except (re.error, IndexError) as error:
        raise TaskFailed(f"the line's back references do not fit the regexp: {error}") from None
    return expanded if expanded.endswith(b"\n") else expanded + b"\n"


MODULE = LineInFile()
