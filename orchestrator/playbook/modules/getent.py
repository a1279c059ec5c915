"""getent: entries of the host's name service."""

from __future__ import annotations

from typing import Any

from orchestrator.playbook.modules.accounts import ACCOUNTS
from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words
from orchestrator.playbook.modules.library import library

_PROGRAM = library("getent", ACCOUNTS, tidy=True)
_COLONS = ("passwd", "shadow", "group", "gshadow")
_PROBLEMS = {1: "Missing arguments, or database unknown.", 3: "Enumeration not supported on this database."}
_LIMIT = 16 << 20


class GetentArguments(Arguments):
    """As Ansible documents them."""

    database: Words
    key: Words | None = None
    service: Words | None = None
    split: Words | None = None
    fail_key: Flag = True


class Getent(Module[GetentArguments]):
    """Entries as facts: ``getent_DATABASE`` maps the first word of each line to the others.

    Where there is no getent (busybox), /etc is read for passwd, shadow and group.
    """

    name = "ansible.builtin.getent"
    arguments = GetentArguments

    async def run(self, arguments: GetentArguments, target: Target) -> Result:
        """The key ``ansible_facts``. Raises TaskFailed for a key that is not there, unless ``fail_key`` is off."""
        database, key = arguments.database, arguments.key
        words = (database, key) if key is not None else (database,)
        answer = await target.sh(_PROGRAM, "getent_ask", *words, limit=_LIMIT, service=arguments.service)
        if answer.truncated:
            raise TaskFailed(f"{database} holds more than {_LIMIT >> 20} MiB")
        tree = f"getent_{database}"
        if answer.rc == 2:
            msg = "One or more supplied key could not be found in the database."
            if arguments.fail_key:
                raise TaskFailed(msg)
            return Result(keys={"ansible_facts": {tree: {key: None}}, "msg": msg})
        if answer.rc != 0:
            raise TaskFailed(answer.get("failed") or _PROBLEMS.get(answer.rc, "Unexpected failure!"))
        split = arguments.split or (":" if database in _COLONS else None)
        return Result(keys={"ansible_facts": {tree: entries(answer.stdout.decode("utf-8", "replace"), split)}})


def entries(text: str, split: str | None) -> dict[str, Any]:
    """First word of each line to the rest of its words; a list of those where it comes more than once."""
    rows: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        name, *rest = line.split(split) or [""]
        rows.setdefault(name, []).append(rest)
    return {name: found[0] if len(found) == 1 else found for name, found in rows.items()}


MODULE = Getent()
