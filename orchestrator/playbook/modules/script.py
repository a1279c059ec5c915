"""script: a program of the control node, run on the host."""

from __future__ import annotations

import shlex

from pydantic import model_validator

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed, TaskSkipped
from orchestrator.playbook.modules.execute import GUARD, OUTPUT_LIMIT, finish, outputs
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import library

_OPENED = "/proc/self/fd/9"
"""What the program is called on the host: its file has lost its name before it runs, so that nothing of it can stay."""

_PROGRAM = library("script", GUARD)


class ScriptArguments(Arguments):
    """As Ansible documents them; `cmd` takes the free form."""

    cmd: Words = also("cmd", "_raw_params")
    chdir: Words | None = None
    creates: Words | None = None
    removes: Words | None = None
    executable: Words | None = None
    decrypt: Flag = True

    @model_validator(mode="after")
    def _absolute(self) -> ScriptArguments:
        if self.chdir and not self.chdir.startswith("/"):
            raise ValueError(f"chdir {self.chdir} must be an absolute path")
        return self


class Script(Module[ScriptArguments]):
    """The program travels on standard input into a private file, which is opened and removed before it runs.

    It is therefore called ``/proc/self/fd/9`` by the host. Its arguments are a shell's words, as Ansible's are.
    """

    name = "ansible.builtin.script"
    free_form = "cmd"
    arguments = ScriptArguments

    async def run(self, arguments: ScriptArguments, target: Target) -> Result:
        """Run it. Raises TaskFailed for an exit status other than 0, TaskSkipped when there is nothing to do."""
        line = arguments.cmd.strip()
        try:
            name = shlex.split(line)[0]
        except (ValueError, IndexError):
            raise TaskFailed(f"cannot tell the script's name in {line!r}") from None
        content = target.find("files", name).read_bytes()
        if arguments.decrypt:
            content = target.reveal(content)
        if target.check and not (arguments.creates or arguments.removes):
            raise TaskSkipped("Check mode is not supported for this task.", changed=False)
        line = line.replace(name, _OPENED)
        answer = await target.sh(
            _PROGRAM,
            "script_run",
            f"{arguments.executable} {line}" if arguments.executable else line,
            stdin=b"" if target.check else content,
            limit=OUTPUT_LIMIT,
            check=target.check,
            interpreted=bool(arguments.executable),
            chdir=arguments.chdir,
            creates=arguments.creates,
            removes=arguments.removes,
        )
        match answer.get("stopped"):
            case "creates":
                raise TaskSkipped(f"{arguments.creates} exists, matching creates option")
            case "removes":
                raise TaskSkipped(f"{arguments.removes} does not exist, matching removes option")
            case "chdir":
                raise TaskFailed(f"Unable to change directory before execution: {arguments.chdir}")
            case "file":
                raise TaskFailed("cannot write the script to a private file on the host", **outputs(answer))
        if target.check:
            return Result(changed=True)
        return Result(changed=True, keys=finish(answer, outputs(answer)))


MODULE = Script()
