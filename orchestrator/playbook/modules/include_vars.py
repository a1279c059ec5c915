"""include_vars: variables from files of the control node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from orchestrator.errors import OrchestratorError
from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, TextList, Whole, Words, also

_OF_FOLDERS = ("depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions")


class IncludeVarsArguments(Arguments):
    """See ansible.builtin.include_vars: a `file`, or the files of a `dir`."""

    file: Words | None = also("file", "_raw_params", default=None)
    dir: Words | None = None
    name: Words | None = None
    depth: Whole = 0
    files_matching: Words | None = None
    ignore_files: TextList = []  # noqa: RUF012  pydantic copies defaults
    extensions: TextList = ["yaml", "yml", "json"]  # noqa: RUF012  pydantic copies defaults
    ignore_unknown_extensions: Flag = False
    hash_behaviour: Literal["replace"] = "replace"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.dir is None):
            raise ValueError("takes a file or a dir")
        if self.file is not None and (extra := self.model_fields_set & set(_OF_FOLDERS)):
            raise ValueError(f"takes {', '.join(sorted(extra))} with dir only")
        for pattern in (self.files_matching, *self.ignore_files):
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise ValueError(f"has {pattern!r}, which is no regular expression: {error}") from None
        return self


class IncludeVars(Module[IncludeVarsArguments]):
    """Reads the files and gives the engine what to remember; the host is not touched."""

    name = "ansible.builtin.include_vars"
    free_form = "file"
    arguments = IncludeVarsArguments

    async def run(self, arguments: IncludeVarsArguments, target: Target) -> Result:
        """See Module."""
        paths = [target.find("vars", arguments.file)] if arguments.file else list(_within(arguments, target))
        found: dict[str, Any] = {}
        try:
            for path in paths:
                found |= target.load_vars(path)
        except OrchestratorError as error:
            raise TaskFailed(str(error), message=str(error)) from error
        facts: Mapping[str, Any] = {arguments.name: found} if arguments.name else found
        return Result(keys={"ansible_facts": facts, "ansible_included_var_files": [str(path) for path in paths]})


def _within(arguments: IncludeVarsArguments, target: Target) -> Iterator[Path]:
    """The files of a folder that count, folders and names in order (plugins/action/include_vars.py)."""
    assert arguments.dir is not None
    root = target.find("vars", arguments.dir)
    if not root.is_dir():
        raise TaskFailed(f"{root} is not a directory", message=f"{root} is not a directory")
    folders = sorted({root, *(path for path in root.rglob("*") if path.is_dir())})
    for folder in folders:
        if arguments.depth and len(folder.relative_to(root).parts) + 1 > arguments.depth:
            continue
        for path in sorted(path for path in folder.iterdir() if not path.is_dir()):
            if arguments.files_matching and not re.search(arguments.files_matching, path.name):
                continue
            if any(re.search(f"{ignored}$", path.name) for ignored in arguments.ignore_files):
                continue
            if path.suffix[1:] in arguments.extensions:
                yield path
            elif not arguments.ignore_unknown_extensions:
                msg = f"{path} does not have a valid extension: {', '.join(arguments.extensions)}"
                raise TaskFailed(msg, message=msg)


MODULE = IncludeVars()
