"""assert: fail unless conditions hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, also


def _conditions(value: Any) -> Any:
    """One condition or a list of them, expressions as ``when`` takes them."""
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | bool) for each in listed):
        raise ValueError("must be a condition or a list of conditions")
    return listed


def _message(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        return value
    raise ValueError("must be text or a list of texts")


Message = Annotated[Any, BeforeValidator(_message)]


class AssertArguments(Arguments):
    """See ansible.builtin.assert. `that` holds expressions."""

    that: Annotated[list[Any], BeforeValidator(_conditions)]
    fail_msg: Message = also("fail_msg", "msg", default="Assertion failed")
    success_msg: Message = "All assertions passed"
    quiet: Flag = False


class Assert(Module[AssertArguments]):
    """Evaluates the conditions in order and fails with the first that does not hold."""

    name = "ansible.builtin.assert"
    expressions = ("that",)
    arguments = AssertArguments

    async def run(self, arguments: AssertArguments, target: Target) -> Result:
        """See Module."""
        for condition in arguments.that:
            if not target.holds(condition):
                shown = condition if isinstance(condition, bool) else str.__str__(condition)
                raise TaskFailed(arguments.fail_msg, assertion=shown, evaluated_to=False)
        return Result(msg=arguments.success_msg)


MODULE = Assert()
