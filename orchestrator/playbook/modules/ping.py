"""ping: does the host answer, and can programs run there?"""

from __future__ import annotations

from orchestrator.playbook.modules.base import Arguments, Module, Program, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Words

_PROGRAM = Program("ping", "ping_answer() { say ping pong; }", tidy=True)


class PingArguments(Arguments):
    """`data` comes back as ``ping``; ``crash`` fails."""

    data: Words = "pong"


class Ping(Module[PingArguments]):
    """One exchange that does nothing."""

    name = "ansible.builtin.ping"
    arguments = PingArguments

    async def run(self, arguments: PingArguments, target: Target) -> Result:
        """Get an answer from a shell of the host."""
        if arguments.data == "crash":
            raise TaskFailed("boom")
        if not (await target.sh(_PROGRAM, "ping_answer")).has("ping"):
            raise TaskFailed("the host's shell gave no answer")
        return Result(keys={"ping": arguments.data})


MODULE = Ping()
