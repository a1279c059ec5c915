"""copy with ``remote_src``: from one place of the host to another."""

from __future__ import annotations

from typing import Any

from orchestrator.playbook.modules.base import Program, Result, Target
from orchestrator.playbook.modules.delivery import DeliveryArguments
from orchestrator.playbook.modules.file import FILE
from orchestrator.playbook.modules.library import library
from orchestrator.playbook.modules.ownership import common, described, validation, written

_THERE = Program("remotecopy", library("remotecopy").text, (FILE,), tidy=True)


async def copy_there(
    src: str, arguments: DeliveryArguments, target: Target, *, local_follow: bool, directory_mode: str | None
) -> Result:
    """Copy the host's file or folder `src` to ``dest``, in one exchange. Raises TaskFailed.

    A folder's files keep their modes. Unlike Ansible's, a second run finds links as they are and changes nothing.
    """
    answer = written(
        await target.sh(
            _THERE,
            "copy_there",
            **{
                **common(arguments, target),
                "src": src,
                "dest": arguments.dest,
                "force": arguments.force,
                "follow": arguments.follow,
                "backup": arguments.backup,
                "validate": validation(arguments.validate_),
                "local_follow": local_follow,
                "directory_mode": directory_mode,
                "preserve": arguments.mode == "preserve",
            },
        )
    )
    dest = answer.get("path") or arguments.dest
    keys: dict[str, Any] = {
        "dest": dest,
        "src": src,
        "md5sum": answer.get("md5sum") or None,
        "checksum": answer.get("checksum") or None,
        **described(answer),
    }
    if answer.has("msg"):
        keys["msg"] = answer.get("msg")
    if answer.has("backup_file"):
        keys["backup_file"] = answer.get("backup_file")
    return Result(answer.flag("changed"), keys)
