"""authorized_key: who may log in to an account with which SSH key."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import Any, Literal

from pydantic import field_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.accounts import ACCOUNTS
from orchestrator.playbook.modules.base import Answer, Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import FILES
from orchestrator.playbook.modules.sshkeys import Key, merged, parse_key, parse_options

_PROGRAM = library("authorized_key", ACCOUNTS, FILES)
_LIMIT = 4 << 20


class AuthorizedKeyArguments(Arguments):
    """As ansible.posix documents them; `key` is one or many keys, a line each."""

    user: Words
    key: Words
    path: Words | None = None
    manage_dir: Flag = True
    state: Literal["present", "absent"] = "present"
    key_options: Words | None = None
    exclusive: Flag = False
    comment: Words | None = None
    validate_certs: Flag = True
    follow: Flag = False

    @field_validator("key")
    @classmethod
    def _no_address(cls, key: str) -> str:
        if key.startswith(("http://", "https://", "file:")):
            raise ValueError("keys from an address are not supported: give the key itself, or lookup('file', ...)")
        return key

    @field_validator("key_options", "comment")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and "\n" in value:
            raise ValueError("must be one line")
        return value


class AuthorizedKey(Module[AuthorizedKeyArguments]):
    """The file stands where its account may write, and is read and written with root's power.

    So a link there is no way to make root read what the account may not, nor write anywhere else: what is read must
    be the account's or readable by all, and the folder is entered, and found to be the one meant, before anything in
    it is touched. One exchange to look, a second to write.
    """

    name = "ansible.posix.authorized_key"
    arguments = AuthorizedKeyArguments

    async def run(self, arguments: AuthorizedKeyArguments, target: Target) -> Result:
        """Keys: the arguments and ``keyfile``. Raises TaskFailed."""
        wanted = _wanted(arguments)
        seen = checked(
            await target.sh(
                _PROGRAM,
                "authorized_look",
                arguments.user,
                limit=_LIMIT,
                path=arguments.path,
                follow=arguments.follow,
                check=target.check,
            )
        )
        if seen.truncated:
            raise TaskFailed(f"{seen.get('keyfile')} is larger than {_LIMIT >> 20} MiB")
        if not seen.get("keyfile"):
            raise TaskFailed(f"the host did not tell where the keys of {arguments.user} stand")
        before = seen.stdout.decode("utf-8", "surrogateescape")
        present = arguments.state == "present"
        after = merged(before, wanted, present=present, exclusive=arguments.exclusive)
        keys = {**arguments.model_dump(), "keyfile": seen.get("keyfile")}
        if after is None:
            return Result(keys=keys)
        if not target.check:
            await _write(arguments, target, seen, after)
        diff = Diff(_shown(before), _shown(after), keys["keyfile"], keys["keyfile"])
        return Result(changed=True, keys=keys, diffs=(diff,) if target.diff else ())


def _wanted(arguments: AuthorizedKeyArguments) -> list[Key]:
    """The keys asked for, in order. Raises TaskFailed for a line that holds none."""
    keys = []
    lines = [line for line in arguments.key.splitlines() if line and not line.startswith("#")]
    for rank, line in enumerate(lines):
        key = parse_key(line, rank)
        if key is None:
            raise TaskFailed(f"invalid key specified: {line}")
        if arguments.key_options is not None:
            key = replace(key, options=parse_options(arguments.key_options))
        if arguments.comment is not None:
            key = replace(key, comment=arguments.comment)
        keys.append(key)
    return keys


async def _write(arguments: AuthorizedKeyArguments, target: Target, seen: Answer, after: str) -> None:
    content = after.encode("utf-8", "surrogateescape")
    parameters: dict[str, Any] = {
        "manage_dir": arguments.manage_dir,
        "follow": arguments.follow,
        "explicit": arguments.path is not None,
        "was": hashlib.sha1(seen.stdout, usedforsecurity=False).hexdigest() if seen.has("exists") else "",
        "sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "token": f"{secrets.token_hex(12)}.tmp",
    }
    names = (seen.get("uid"), seen.get("gid"), seen.get("home"), seen.get("keyfile"))
    checked(await target.sh(_PROGRAM, "authorized_write", *names, stdin=content, **parameters))


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


MODULE = AuthorizedKey()
