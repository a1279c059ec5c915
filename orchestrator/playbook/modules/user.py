"""user: an account, there or not, with its groups, password, home folder and SSH key."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.playbook.modules.account import (
    Account,
    Command,
    Groups,
    UserArguments,
    account,
    ageing,
    create,
    modify,
    new_password,
    suspicious,
)
from orchestrator.playbook.modules.accounts import ACCOUNTS
from orchestrator.playbook.modules.base import Answer, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.execute import said
from orchestrator.playbook.modules.library import library

_PROGRAM = library("user", ACCOUNTS, tidy=True)
_LIMIT = 8 << 20
_NO_HASH = (
    "The input password appears not to have been hashed. "
    "The 'password' argument must be encrypted for this module to work properly."
)


class User(Module[UserArguments]):
    """One exchange to look, a second when something has to change.

    ``local`` looks at the host's own /etc/passwd only; libuser, which Ansible wants for that, is not needed. Hashes
    and passphrases travel on standard input: no process list of the host ever holds one.
    """

    name = "ansible.builtin.user"
    arguments = UserArguments

    async def run(self, arguments: UserArguments, target: Target) -> Result:
        """Bring the account to its state. Raises TaskFailed with what useradd and its kin say."""
        wish = arguments
        answer = await target.sh(
            _PROGRAM,
            "user_probe",
            wish.name,
            *(wish.groups or ()),
            *([wish.group] if wish.group else []),
            limit=_LIMIT,
            listing=wish.state == "present",
            **_look(wish),
        )
        if not answer.has("probed") or answer.truncated:
            raise TaskFailed("the host did not tell about its accounts", name=wish.name)
        if wish.state == "absent":
            return await _remove(wish, account(answer), answer, target)
        return await _ensure(wish, answer, target)


def _look(wish: UserArguments) -> dict[str, Any]:
    return {
        "local": wish.local,
        "home": wish.home,
        "key_file": wish.key_file if wish.generate_ssh_key else None,
        "passphrase": wish.ssh_key_passphrase is not None,
    }


async def _remove(wish: UserArguments, now: Account | None, answer: Answer, target: Target) -> Result:
    keys: dict[str, Any] = {"name": wish.name, "state": "absent"}
    if now is None:
        return Result(keys=keys)
    if target.check:
        return Result(changed=True)
    if "useradd" in answer.all("tool"):
        flags = [*(["-f"] if wish.force else []), *(["-r"] if wish.remove else [])]
        command: Command = ("userdel", *flags, "--", wish.name)
    else:
        command = ("deluser", *(["--remove-home"] if wish.remove else []), wish.name)
    done = await _apply(wish, [command], target, b"")
    return Result(changed=True, keys=keys | {"force": wish.force, "remove": wish.remove} | said(done))


async def _ensure(wish: UserArguments, answer: Answer, target: Target) -> Result:
    now = account(answer)
    if now is None and target.check:
        return Result(changed=True)
    groups, tools = Groups.read(answer.stdout.decode("utf-8", "replace")), set(answer.all("tool"))
    commands = modify(wish, now, groups, tools) if now else create(wish, groups, tools)
    hashed = new_password(wish, now)
    if hashed is not None:
        commands.append(("user_password",))
    commands = _with_home(wish, now, answer, commands) + ageing(wish, now)
    generates = wish.generate_ssh_key and not (answer.all("key") and not wish.force)
    if generates:
        bits = str(wish.ssh_key_bits) if wish.ssh_key_bits > 0 else ""
        commands.append(("user_generate", wish.ssh_key_type, bits, wish.ssh_key_comment or ""))
    if commands and not target.check:
        answer = await _apply(wish, commands, target, _secrets(wish, hashed, generates))
    keys = _keys(wish, now, answer, bool(commands))
    if wish.password and suspicious(wish.password):
        keys["warnings"] = [_NO_HASH]
    return Result(changed=bool(commands), keys=keys)


def _with_home(wish: UserArguments, now: Account | None, answer: Answer, commands: list[Command]) -> list[Command]:
    """`commands` with what makes the home folder where useradd and usermod do not."""
    home = wish.home or (now.home if now else None)
    if home is None or not wish.create_home or answer.has("home"):
        return commands
    make: Command = ("user_make_home", home, wish.skeleton or "/etc/skel")
    if now:
        return [*commands, make]
    # useradd does not make missing parents everywhere, nor fills a folder that is there.
    return commands if answer.has("parent") else [make, *commands, ("user_own_home", home)]


def _secrets(wish: UserArguments, hashed: str | None, generates: bool) -> bytes:
    """Standard input: a line for user_password, then one for user_generate."""
    lines = [f"{wish.name}:{hashed}"] if hashed is not None else []
    if generates and wish.ssh_key_passphrase is not None:
        lines.append(wish.ssh_key_passphrase)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


async def _apply(wish: UserArguments, commands: list[Command], target: Target, stdin: bytes) -> Answer:
    counted = [word for command in commands for word in (str(len(command)), *command)]
    answer = await target.sh(_PROGRAM, "user_apply", wish.name, *counted, stdin=stdin, **_look(wish))
    if answer.rc != 0:
        complaint = answer.stderr.decode("utf-8", "replace") or "the account could not be changed"
        raise TaskFailed(complaint, name=wish.name, rc=answer.rc)
    return answer


def _keys(wish: UserArguments, before: Account | None, answer: Answer, applied: bool) -> dict[str, Any]:
    keys: dict[str, Any] = {"name": wish.name, "state": "present"}
    if before:
        keys |= {"append": wish.append, "move_home": wish.move_home}
    else:
        keys |= {"system": wish.system, "create_home": wish.create_home}
    if wish.password is not None:
        keys["password"] = "NOT_LOGGING_PASSWORD"  # noqa: S105  as Ansible spells it
    if applied and not answer.has("probed"):
        keys |= said(answer)
    now = account(answer)
    if now is None:
        raise TaskFailed(f"failed to look up user name: {wish.name}", **keys)
    keys |= {"uid": now.uid, "group": now.gid, "comment": now.comment, "home": now.home, "shell": now.shell}
    if wish.groups is not None:
        keys["groups"] = ",".join(wish.groups)
    if wish.generate_ssh_key:
        keys["ssh_fingerprint"] = (answer.get("fingerprint") or answer.get("no_fingerprint")).strip()
        keys["ssh_key_file"] = answer.get("key_path")
        # Whatever else the account may have put there is not for us to show.
        public = answer.get("public_key").strip()
        keys["ssh_public_key"] = public if re.fullmatch(r"[a-z][\w.@-]+ [A-Za-z0-9+/=]+( [^\n]*)?", public) else None
    return keys


MODULE = User()
