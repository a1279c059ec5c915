"""setup: gather facts about the host."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

from orchestrator.playbook.facts import subsets
from orchestrator.playbook.facts.program import gather
from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import TextList, Whole, Words


class SetupArguments(Arguments):
    """As Ansible documents them; ``gather_timeout`` bounds, in seconds, what may hang: mounts and name servers."""

    gather_subset: TextList = ["all"]  # noqa: RUF012  frozen
    gather_timeout: Whole = 10
    filter: TextList = []  # noqa: RUF012  frozen
    fact_path: Words = "/etc/ansible/facts.d"


class Setup(Module[SetupArguments]):
    """One exchange. What Ansible learns from its own Python on the host (``ansible_python``) is not told."""

    name = "ansible.builtin.setup"
    aliases = ("ansible.builtin.gather_facts",)
    arguments = SetupArguments

    async def run(self, arguments: SetupArguments, target: Target) -> Result:
        """The key ``ansible_facts``, every name in it with ``ansible_`` before it. Raises TaskFailed."""
        try:
            kinds = subsets.chosen(arguments.gather_subset)
        except subsets.UnknownSubset as error:
            raise TaskFailed(str(error)) from None
        fact_path = arguments.fact_path if "local" in kinds else None
        answers = await gather(
            target, subsets.needs(kinds), fact_path=fact_path, patience=max(1, arguments.gather_timeout)
        )
        found: dict[str, Any] = {f"ansible_{name}": value for name, value in subsets.read(kinds, answers).items()}
        found |= {"gather_subset": arguments.gather_subset, "module_setup": True}
        return Result(keys={"ansible_facts": {k: v for k, v in found.items() if _wanted(k, arguments.filter)}})


def _wanted(name: str, patterns: list[str]) -> bool:
    """Whether `name` fits one of the shell patterns, with or without its ``ansible_``; no pattern takes all."""
    spelled = (pattern for given in patterns for pattern in (given, f"ansible_{given}"))
    return not patterns or "" in patterns or any(fnmatch(name, pattern) for pattern in spelled)


MODULE = Setup()
