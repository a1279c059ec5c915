"""hostname: the host's name, now and after the next boot."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.accounts import ACCOUNTS
from orchestrator.playbook.modules.base import Arguments, Module, Result, Target
from orchestrator.playbook.modules.fields import Words
from orchestrator.playbook.modules.library import checked, library

_PROGRAM = library("hostname", ACCOUNTS)


class HostnameArguments(Arguments):
    """`use` names the way of a distribution; those of other systems than Linux are refused."""

    name: Words
    use: Literal["alpine", "debian", "generic", "openrc", "redhat", "sles", "systemd"] | None = None

    @field_validator("name")
    @classmethod
    def _sane(cls, name: str) -> str:
        if not re.fullmatch(r"[\w.-]{1,253}", name):
            raise ValueError("must be made of letters, digits, dots and dashes")
        return name


class Hostname(Module[HostnameArguments]):
    """By hostnamectl where systemd runs, else by the file of the distribution and hostname(1)."""

    name = "ansible.builtin.hostname"
    arguments = HostnameArguments

    async def run(self, arguments: HostnameArguments, target: Target) -> Result:
        """Set it in one exchange. Raises TaskFailed."""
        answer = checked(
            await target.sh(_PROGRAM, "hostname_ensure", arguments.name, use=arguments.use, check=target.check)
        )
        names = answer.get("canonical").split()[1:]
        fqdn = next((name for name in names if "." in name), names[0] if names else answer.get("now"))
        facts = {
            "ansible_hostname": arguments.name.split(".")[0],
            "ansible_nodename": arguments.name,
            "ansible_fqdn": fqdn,
            "ansible_domain": fqdn.partition(".")[2],
        }
        changed = answer.flag("changed")
        diffs = (Diff(f"hostname = {answer.get('before')}\n", f"hostname = {arguments.name}\n"),) if changed else ()
        return Result(changed=changed, keys={"name": arguments.name, "ansible_facts": facts}, diffs=diffs)


MODULE = Hostname()
