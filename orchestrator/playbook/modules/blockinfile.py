"""ansible.builtin.blockinfile: a block of lines between two marker lines."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import model_validator

from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.edit import BytesPattern, EditArguments, Edited, edit, encoded
from orchestrator.playbook.modules.fields import Flag, Words, also


class BlockArguments(EditArguments):
    """Those of ansible.builtin.blockinfile."""

    state: Literal["absent", "present"] = "present"
    block: Words = also("block", "content", default="")
    marker: Words = "# {mark} ANSIBLE MANAGED BLOCK"
    marker_begin: Words = "BEGIN"
    marker_end: Words = "END"
    insertafter: BytesPattern | None = None
    insertbefore: BytesPattern | None = None
    create: Flag = False
    append_newline: Flag = False
    prepend_newline: Flag = False

    @model_validator(mode="after")
    def _one_place(self) -> BlockArguments:
        if self.insertafter is not None and self.insertbefore is not None:
            raise ValueError("insertbefore and insertafter are mutually exclusive")
        return self


class BlockInFile(Module[BlockArguments]):
    """Works on bytes, as Ansible's does; a line ends with a line feed, a carriage return, or both."""

    name = "ansible.builtin.blockinfile"
    arguments = BlockArguments

    async def run(self, arguments: BlockArguments, target: Target) -> Result:
        """Raises TaskFailed."""

        def change(path: str, content: bytes | None) -> Edited:
            if content is None and not arguments.create:
                raise TaskFailed(f"Path {path} does not exist !", rc=257)
            if content is None and arguments.state == "absent":
                return Edited(None, f"File {path} not present", final=True)
            block = _block(arguments)
            result = b"".join(_changed((content or b"").splitlines(keepends=True), content or b"", block, arguments))
            if result == content:
                return Edited(None)
            if content is None:
                return Edited(result, "File created")
            return Edited(result, "Block inserted" if block else "Block removed")

        return await edit(change, arguments, target, heading=" (content)")


def _markers(arguments: BlockArguments) -> tuple[bytes, bytes]:
    marker = encoded(arguments.marker)
    begin, end = (marker.replace(b"{mark}", encoded(text)) for text in (arguments.marker_begin, arguments.marker_end))
    return begin + b"\n", end + b"\n"


def _block(arguments: BlockArguments) -> list[bytes]:
    """The lines to be there with their markers; none when the block is to go."""
    block = encoded(arguments.block)
    if arguments.state == "absent" or not block:
        return []
    if not block.endswith(b"\n"):
        block += b"\n"
    begin, end = _markers(arguments)
    return [begin, *block.splitlines(keepends=True), end]


def _changed(lines: list[bytes], content: bytes, block: list[bytes], arguments: BlockArguments) -> list[bytes]:
    """`lines` (of `content`) with `block` in place of the old one, or where insertafter or insertbefore say."""
    place = _take_out(lines, arguments)
    if place is None:
        place = _place(lines, content, arguments)
    if place > 0 and not lines[place - 1].endswith(b"\n"):
        lines[place - 1] += b"\n"
    present = arguments.state == "present"
    if present and arguments.prepend_newline and place > 0 and lines[place - 1] != b"\n":
        lines.insert(place, b"\n")
        place += 1
    lines[place:place] = block
    after = place + len(block)
    if present and arguments.append_newline and after < len(lines) and lines[after] != b"\n":
        lines.insert(after, b"\n")
    return lines


def _take_out(lines: list[bytes], arguments: BlockArguments) -> int | None:
    """Remove the old block from `lines`; the index where it was, None if there was none."""
    begin, end = _markers(arguments)
    begins = [index for index, line in enumerate(lines) if line == begin]
    ends = [index for index, line in enumerate(lines) if line == end]
    if not begins or not ends:
        return None
    first, last = sorted((begins[-1], ends[-1]))
    del lines[first : last + 1]
    return first


def _place(lines: list[bytes], content: bytes, arguments: BlockArguments) -> int:
    """The index at which a new block goes in."""
    pattern = arguments.insertafter if arguments.insertafter is not None else arguments.insertbefore
    if pattern is None or arguments.insertafter == "EOF":
        return len(lines)
    if arguments.insertbefore == "BOF":
        return 0
    regexp = re.compile(encoded(pattern))
    after = arguments.insertafter is not None
    found = None
    if regexp.flags & re.MULTILINE:
        if match := regexp.search(content):
            found = content.count(b"\n", 0, match.end() if after else match.start())
    else:
        found = max((index for index, line in enumerate(lines) if regexp.search(line)), default=None)
    return len(lines) if found is None else found + after


MODULE = BlockInFile()
