"""debug: say something."""

from __future__ import annotations

from typing import Any, Self

from pydantic import model_validator

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskSkipped
from orchestrator.playbook.modules.fields import Whole
from orchestrator.playbook.templating import UndefinedFault


class DebugArguments(Arguments):
    """See ansible.builtin.debug. `var` is an expression."""

    msg: Any = "Hello world!"
    var: Any = None
    verbosity: Whole = 0

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.var is not None:
            if "msg" in self.model_fields_set:
                raise ValueError("takes msg or var, not both")
            if not isinstance(self.var, str):
                raise ValueError("var is the name of a variable, or an expression")
        return self


class Debug(Module[DebugArguments]):
    """Prints a message, or what an expression comes to; an undefined one is not an error."""

    name = "ansible.builtin.debug"
    expressions = ("var",)
    arguments = DebugArguments

    async def run(self, arguments: DebugArguments, target: Target) -> Result:
        """See Module."""
        if arguments.verbosity > 0:
            raise TaskSkipped("Verbosity threshold not met.", skipped_reason="Verbosity threshold not met.")
        if arguments.var is None:
            return Result(keys={"msg": arguments.msg})
        try:
            value = target.evaluate(arguments.var)
        except UndefinedFault as fault:
            value = f"<< error 1 - {fault.msg} >>"  # ansible-core 2.19's words
        return Result(keys={str(arguments.var): value})


MODULE = Debug()
