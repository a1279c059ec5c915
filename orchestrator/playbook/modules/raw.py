"""raw: a command line for the login shell, as it is."""

from __future__ import annotations

from orchestrator.playbook.modules.base import Arguments, Module, Program, Result, Target, TaskSkipped
from orchestrator.playbook.modules.execute import OUTPUT_LIMIT, finish, outputs
from orchestrator.playbook.modules.fields import Words, also

_PROGRAM = Program(
    "raw",
    r"""
# raw_run COMMAND: for $executable, else for the account's own shell where that is one of sh's family.
raw_run() {
    if [ -z "${executable-}" ]; then
        case ${SHELL-} in
        */sh | */ash | */bash | */dash | */ksh | */mksh | */zsh) executable=$SHELL ;;
        *) executable=/bin/sh ;;
        esac
    fi
    exec "$executable" -c "$1"
}
""",
)


class RawArguments(Arguments):
    """`cmd` is the free form."""

    cmd: Words = also("cmd", "_raw_params")
    executable: Words | None = None


class Raw(Module[RawArguments]):
    """No terminal is asked for, so the two outputs stay apart and newlines stay what they were."""

    name = "ansible.builtin.raw"
    free_form = "cmd"
    check = "none"
    arguments = RawArguments

    async def run(self, arguments: RawArguments, target: Target) -> Result:
        """Run it. Raises TaskFailed for an exit status other than 0, TaskSkipped in check mode."""
        if target.check:
            raise TaskSkipped("")
        answer = await target.sh(
            _PROGRAM, "raw_run", arguments.cmd, limit=OUTPUT_LIMIT, executable=arguments.executable
        )
        return Result(changed=True, keys=finish(answer, outputs(answer)))


MODULE = Raw()
