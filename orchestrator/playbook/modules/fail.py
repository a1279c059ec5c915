"""fail: end a host's play with a message."""

from __future__ import annotations

from typing import Any

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed


class FailArguments(Arguments):
    """See ansible.builtin.fail."""

    msg: Any = "Failed as requested from task"


class Fail(Module[FailArguments]):
    """Fails."""

    name = "ansible.builtin.fail"
    arguments = FailArguments

    async def run(self, arguments: FailArguments, target: Target) -> Result:  # noqa: ARG002  the same for every module
        """See Module."""
        raise TaskFailed(arguments.msg)


MODULE = Fail()
