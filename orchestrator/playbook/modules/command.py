"""command: a program with its arguments, no shell between."""

from __future__ import annotations

import shlex
from typing import Any

from pydantic import model_validator

from orchestrator.playbook.modules.base import (
    Answer,
    Arguments,
    Module,
    Result,
    Target,
    TaskFailed,
    TaskSkipped,
)
from orchestrator.playbook.modules.execute import GUARD, OUTPUT_LIMIT, Stopwatch, finish, outputs
from orchestrator.playbook.modules.fields import Flag, TextList, Words, also
from orchestrator.playbook.modules.library import library

PROGRAM = library("command", GUARD)

_ERRNO = {"2": "[Errno 2] No such file or directory", "13": "[Errno 13] Permission denied"}


class CommandArguments(Arguments):
    """As Ansible documents them; `cmd` takes the free form."""

    cmd: Words | None = also("cmd", "_raw_params", default=None)
    argv: TextList | None = None
    chdir: Words | None = None
    creates: Words | None = None
    removes: Words | None = None
    executable: Words | None = None
    expand_argument_vars: Flag = True
    stdin: Words | None = None
    stdin_add_newline: Flag = True
    strip_empty_ends: Flag = True

    @model_validator(mode="after")
    def _one_command(self) -> CommandArguments:
        if (self.cmd is None) == (self.argv is None):
            raise ValueError("takes one of: a command after the colon, cmd, argv")
        return self


class Command(Module[CommandArguments]):
    """Words are split as a POSIX shell splits them (`shlex`), nothing else of a shell is done.

    ``executable`` is taken and ignored, as Ansible does. The words are seen in the host's process list.
    """

    name = "ansible.builtin.command"
    free_form = "cmd"
    arguments = CommandArguments

    async def run(self, arguments: CommandArguments, target: Target) -> Result:
        """Run it. Raises TaskFailed for an exit status other than 0, TaskSkipped in check mode."""
        try:
            words = arguments.argv or shlex.split(arguments.cmd or "")
        except ValueError as error:
            raise TaskFailed(f"cannot split the command into words: {error}", cmd=arguments.cmd) from None
        if not words:
            raise TaskFailed("no command given", rc=256, cmd=words)
        # Nothing in the words asks for an expansion most of the time: spare the host the loop.
        expands = arguments.expand_argument_vars and any("$" in word or word.startswith("~") for word in words)
        return await execute(target, arguments, words, "command_run", tuple(words), expands=expands)


async def execute(
    target: Target,
    arguments: CommandArguments,
    cmd: str | list[str],
    call: str,
    words: tuple[str, ...],
    *,
    executable: str = "",
    expands: bool = False,
) -> Result:
    """Run `call` of `PROGRAM` with `words` and tell the outcome as Ansible's command does, `cmd` being its key."""
    if target.check and not (arguments.creates or arguments.removes or arguments.chdir):
        return _checked(arguments, cmd)
    stdin = (arguments.stdin or "") + ("\n" if arguments.stdin and arguments.stdin_add_newline else "")
    watch = Stopwatch()
    answer = await target.sh(
        PROGRAM,
        call,
        *words,
        stdin=stdin.encode("utf-8", "surrogateescape"),
        limit=OUTPUT_LIMIT,
        check=target.check,
        chdir=arguments.chdir,
        creates=arguments.creates,
        removes=arguments.removes,
        executable=executable,
        expands=expands,
    )
    if answer.has("stopped"):
        return _stopped(answer.get("stopped"), arguments, cmd, target.check)
    if answer.has("errno"):
        raise _not_started(answer, cmd, executable or words[0])
    if target.check:
        return _checked(arguments, cmd)
    keys = {"cmd": cmd, **outputs(answer, strip=arguments.strip_empty_ends), **watch.keys(), "msg": ""}
    return Result(changed=True, keys=finish(answer, keys))


def _not_run(cmd: str | list[str], **keys: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"stdout": "", "stderr": "", "start": None, "end": None, "delta": None}
    return {
        "cmd": cmd,
        "rc": 0,
        **nothing,
        **keys,
        "stdout_lines": keys.get("stdout", "").splitlines(),
        "stderr_lines": [],
    }


def _checked(arguments: CommandArguments, cmd: str | list[str]) -> Result:
    msg = "Command would have run if not in check mode"
    if not (arguments.creates or arguments.removes):
        raise TaskSkipped(msg, **_not_run(cmd))
    return Result(changed=True, keys=_not_run(cmd, msg=msg))


def _stopped(why: str, arguments: CommandArguments, cmd: str | list[str], check: bool) -> Result:
    if why == "chdir":
        raise TaskFailed(
            f"Unable to change directory before execution: {arguments.chdir}", **_not_run(cmd) | {"rc": None}
        )
    path, state = (arguments.creates, "exists") if why == "creates" else (arguments.removes, "does not exist")
    shoulda = "Would" if check else "Did"
    msg = f"{shoulda} not run command since '{path}' {state}"
    return Result(keys=_not_run(cmd, msg=msg, stdout=f"skipped, since {path} {state}"))


def _not_started(answer: Answer, cmd: str | list[str], program: str) -> TaskFailed:
    number = answer.get("errno")
    why = _ERRNO.get(number, "it cannot be run")
    line = cmd if isinstance(cmd, str) else shlex.join(cmd)
    rc = int(number) if number.isdecimal() else 2
    lines: dict[str, list[str]] = {"stdout_lines": [], "stderr_lines": []}
    return TaskFailed(f"Error executing command: {why}: {program!r}", rc=rc, cmd=line, stdout="", stderr="", **lines)


MODULE = Command()
