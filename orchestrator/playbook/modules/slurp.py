"""ansible.builtin.slurp: the content of a file as a result."""

from __future__ import annotations

import base64

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Words, also
from orchestrator.playbook.modules.library import checked
from orchestrator.playbook.modules.stat import EXAMINE

_AT_MOST = 64 * 2**20


class SlurpArguments(Arguments):
    """Those of ansible.builtin.slurp."""

    src: Words = also("src", "path")


class Slurp(Module[SlurpArguments]):
    """One exchange. Files of more than 64 MiB are for fetch."""

    name = "ansible.builtin.slurp"
    arguments = SlurpArguments

    async def run(self, arguments: SlurpArguments, target: Target) -> Result:
        """Raises TaskFailed."""
        answer = await target.sh(EXAMINE, "seize", limit=_AT_MOST + 1, path=arguments.src, have=None, at_most=_AT_MOST)
        source = answer.get("path")
        for key, reason in (
            ("directory", "Source is a directory and must be a file"),
            ("missing", "File not found"),
            ("unreadable", "File is not readable"),
        ):
            if answer.has(key):
                raise TaskFailed(f"{reason}: {source}")
        checked(answer)
        if answer.truncated or len(answer.stdout) > _AT_MOST or int(answer.get("size")) > _AT_MOST:
            raise TaskFailed(f"{source} is larger than {_AT_MOST >> 20} MiB: use fetch")
        content = base64.b64encode(answer.stdout).decode()
        return Result(keys={"content": content, "source": source, "encoding": "base64"})


MODULE = Slurp()
