"""ansible.builtin.replace: a regular expression replaced all over a file, or a part of it."""

from __future__ import annotations

import re
from functools import partial

from pydantic import field_validator

from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.edit import EditArguments, Edited, Pattern, edit
from orchestrator.playbook.modules.fields import Words


class ReplaceArguments(EditArguments):
    """Those of ansible.builtin.replace."""

    regexp: Pattern
    replace: Words = ""
    after: Pattern | None = None
    before: Pattern | None = None
    encoding: Words = "utf-8"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError(f"there is no encoding {name!r}") from None
        return name


class Replace(Module[ReplaceArguments]):
    """Works on text: ``^`` and ``$`` match at each line, a dot in after and before also a line's end."""

    name = "ansible.builtin.replace"
    arguments = ReplaceArguments

    async def run(self, arguments: ReplaceArguments, target: Target) -> Result:
        """Raises TaskFailed."""
        return await edit(partial(_replaced, arguments), arguments, target)


def _replaced(arguments: ReplaceArguments, path: str, content: bytes | None) -> Edited:
    if content is None:
        raise TaskFailed(f"Path {path} does not exist !", rc=257)
    try:
        text = content.decode(arguments.encoding, "surrogateescape")
    except UnicodeError as error:
        raise TaskFailed(f"{path} is not {arguments.encoding}: {error}") from None
    start, end = 0, len(text)
    if pattern := _section(arguments):
        match = re.search(pattern, text, re.DOTALL)
        if not match:
            msg = f"Pattern for before/after params did not match the given file: {pattern}"
            return Edited(None, msg, {"rc": 0}, final=True)
        start, end = match.span("subsection")
    try:
        section, count = re.subn(arguments.regexp, arguments.replace, text[start:end], flags=re.MULTILINE)
    except (re.error, IndexError) as error:
        raise TaskFailed(f"Unable to process replace due to error: {error}") from None
    if section == text[start:end]:
        return Edited(None, "", {"rc": 0})
    try:
        result = (text[:start] + section + text[end:]).encode(arguments.encoding, "surrogateescape")
    except UnicodeError as error:
        raise TaskFailed(f"the replacement cannot be written as {arguments.encoding}: {error}") from None
    return Edited(result, f"{count} replacements made", {"rc": 0})


def _section(arguments: ReplaceArguments) -> str:
    """The regular expression for the part to work on, empty for all."""
    if arguments.after and arguments.before:
        return f"{arguments.after}(?P<subsection>.*?){arguments.before}"
    if arguments.after:
        return f"{arguments.after}(?P<subsection>.*)"
    return f"(?P<subsection>.*){arguments.before}" if arguments.before else ""


MODULE = Replace()
