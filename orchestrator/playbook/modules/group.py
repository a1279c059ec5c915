"""group: a group of users, there or not."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from orchestrator.playbook.modules.accounts import ACCOUNTS
from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.execute import said
from orchestrator.playbook.modules.fields import Flag, Whole, Words
from orchestrator.playbook.modules.library import library

_PROGRAM = library("group", ACCOUNTS, tidy=True)


class GroupArguments(Arguments):
    """As Ansible documents them."""

    name: Words
    state: Literal["present", "absent"] = "present"
    gid: Whole | None = None
    system: Flag = False
    force: Flag = False
    local: Flag = False
    non_unique: Flag = False
    gid_min: Whole | None = None
    gid_max: Whole | None = None

    @model_validator(mode="after")
    def _consistent(self) -> GroupArguments:
        if self.non_unique and self.gid is None:
            raise ValueError("non_unique is True but all of the following are missing: gid")
        if self.force and self.local:
            raise ValueError("force is not a valid option for local, force=True and local=True are mutually exclusive")
        if self.local and (self.gid_min is not None or self.gid_max is not None):
            raise ValueError("'gid_min' and 'gid_max' can not be used with 'local'")
        return self


class Group(Module[GroupArguments]):
    """By groupadd and its kin, or busybox's addgroup, which cannot change a gid.

    ``local`` looks at the host's own /etc/group only; libuser, which Ansible wants for that, is not needed.
    """

    name = "ansible.builtin.group"
    arguments = GroupArguments

    async def run(self, arguments: GroupArguments, target: Target) -> Result:
        """Bring the group to its state in one exchange. Raises TaskFailed with what groupadd says."""
        wanted = arguments.model_dump(exclude={"name"})
        answer = await target.sh(_PROGRAM, "group_ensure", arguments.name, check=target.check, **wanted)
        errors = answer.stderr.decode("utf-8", "replace")
        keys: dict[str, Any] = {"name": arguments.name}
        if answer.rc != 0 or not answer.has("changed"):
            raise TaskFailed(answer.get("failed") or errors or "the group could not be changed", **keys)
        changed = answer.flag("changed")
        if target.check and changed and (arguments.state == "absent" or not answer.has("gid")):
            return Result(changed=True)
        keys |= {"state": arguments.state} | said(answer)
        if answer.has("gid"):
            keys |= {"system": arguments.system, "gid": int(answer.get("gid"))}
        return Result(changed=changed, keys=keys)


MODULE = Group()
