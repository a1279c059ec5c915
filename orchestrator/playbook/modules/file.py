"""ansible.builtin.file: files, folders and links as such: their being there, and their attributes."""

from __future__ import annotations

import time
from typing import Any, Literal

from pydantic import model_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Module, Program, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import FILES, FileArguments, attribute_diff, common, described

FILE = Program("file", library("file").text, (FILES,), tidy=True)
_FORMAT = "%Y%m%d%H%M.%S"


class FileModuleArguments(FileArguments):
    """Those of ansible.builtin.file."""

    path: Words = also("path", "dest", "name")
    state: Literal["absent", "directory", "file", "hard", "link", "touch"] | None = None
    src: Words | None = None
    recurse: Flag = False
    force: Flag = False
    follow: Flag = True
    modification_time: Words | None = None
    modification_time_format: Words = _FORMAT
    access_time: Words | None = None
    access_time_format: Words = _FORMAT

    @model_validator(mode="after")
    def _fitting(self) -> FileModuleArguments:
        if self.recurse and self.state not in (None, "directory"):
            raise ValueError("recurse option requires state to be 'directory'")
        if self.src and self.state in ("absent", "directory", "file", "touch"):
            raise ValueError("src option requires state to be 'link' or 'hard'")
        return self


class File(Module[FileModuleArguments]):
    """One exchange, also for a whole tree."""

    name = "ansible.builtin.file"
    arguments = FileModuleArguments

    async def run(self, arguments: FileModuleArguments, target: Target) -> Result:
        """Raises TaskFailed."""
        answer = await target.sh(
            FILE,
            "file_ensure",
            **common(arguments, target),
            path=arguments.path,
            state=arguments.state,
            src=arguments.src,
            recurse=arguments.recurse,
            force=arguments.force,
            follow=arguments.follow,
            modified=_moment(arguments.modification_time, arguments.modification_time_format, arguments.state),
            accessed=_moment(arguments.access_time, arguments.access_time_format, arguments.state),
        )
        checked(answer, path=arguments.path)
        path, state = answer.get("path"), answer.get("state")
        keys: dict[str, Any] = {"dest" if state in ("link", "hard", "touch") else "path": path}
        if state in ("link", "hard"):
            keys["src"] = answer.get("src")
        keys |= described(answer) if state != "absent" else {"state": "absent"}
        diff = _diff(answer)
        return Result(answer.flag("changed"), keys, (diff,) if target.diff and diff.before != diff.after else ())


def _moment(when: str | None, written: str, state: str | None) -> str | None:
    """What the shell sets a time to: None leaves it. Raises TaskFailed."""
    if when is None:
        return "now" if state == "touch" else None
    if when in ("preserve", "now"):
        return None if when == "preserve" else when
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.strptime(when, written))
    except ValueError as error:
        msg = f"Error while obtaining timestamp for time {when} using format {written}: {error}"
        raise TaskFailed(msg) from None


def _diff(answer: Answer) -> Diff:
    path, was, state = answer.get("path"), answer.get("was"), answer.get("state")
    both: dict[str, tuple[Any, Any]] = {"path": (path, path)}
    if was != state:
        both["state"] = (was, state)
    if was == "directory" and state == "absent":
        names = answer.stdout.decode("utf-8", "replace").split("\0")
        middle = names.index("") if "" in names else len(names)
        both["path_content"] = ({"directories": names[:middle], "files": names[middle + 1 : -1]}, None)
    return attribute_diff(answer, **both)


MODULE = File()
