"""set_fact: variables that last to the end of the run."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import ConfigDict, model_validator

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target
from orchestrator.playbook.modules.fields import Flag

_NAME = re.compile(r"[A-Za-z_]\w*")


class SetFactArguments(Arguments):
    """Variables by name; see ansible.builtin.set_fact. A `cacheable` one becomes a fact as well."""

    model_config = ConfigDict(extra="allow")

    cacheable: Flag = False

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = self.__pydantic_extra__ or {}
        if not names:
            raise ValueError("needs at least one name with its value")
        for name in names:
            if "{{" not in name and not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a variable: letters, digits and underscores")
        return self


class SetFact(Module[SetFactArguments]):
    """Gives the engine what to remember; the host is not touched."""

    name = "ansible.builtin.set_fact"
    arguments = SetFactArguments

    async def run(self, arguments: SetFactArguments, target: Target) -> Result:  # noqa: ARG002  the same for every module
        """See Module."""
        facts: dict[str, Any] = dict(arguments.__pydantic_extra__ or {})
        return Result(keys={"ansible_facts": facts, "_ansible_facts_cacheable": arguments.cacheable})


MODULE = SetFact()
