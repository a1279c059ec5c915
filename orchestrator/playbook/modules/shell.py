"""shell: a command line for a shell."""

from __future__ import annotations

import shlex

from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.command import CommandArguments, execute


class Shell(Module[CommandArguments]):
    """Given to ``/bin/sh -c``, or to ``executable``.

    The whole line is seen in the host's process list as long as it runs, as under Ansible: a secret belongs into
    ``stdin`` or ``environment``.
    """

    name = "ansible.builtin.shell"
    free_form = "cmd"
    arguments = CommandArguments

    async def run(self, arguments: CommandArguments, target: Target) -> Result:
        """Run it. Raises TaskFailed for an exit status other than 0, TaskSkipped in check mode."""
        if "expand_argument_vars" in arguments.model_fields_set:
            raise TaskFailed("Unsupported parameters for (shell) module: expand_argument_vars")
        cmd = arguments.argv or arguments.cmd or ""
        line = cmd if isinstance(cmd, str) else shlex.join(cmd)
        return await execute(target, arguments, cmd, "shell_run", (line,), executable=arguments.executable or "/bin/sh")


MODULE = Shell()
