"""The authorized_keys files of an account on a host, read and replaced through ``authorized_keys.sh``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from orchestrator.errors import OrchestratorError
from orchestrator.fleet.clean import clean_line
from orchestrator.ssh.result import MIB, Command, Result, Status

Run = Callable[[Command], Awaitable[Result]]

_BEGIN = b"orchestrator authorized_keys\n"
_HEAD = re.compile(rb"keys (authorized_keys2?) ([0-9a-f]{1,64}) ([0-9]{1,7})\n")
_LIMIT = 8 * MIB  # of an answer; half of it is kept from the head, and two files of 1 MiB each fit there
_TIMEOUT = 30.0
_CHANGED = "changed by somebody else"
_TRIES = 3


class Trouble(OrchestratorError, RuntimeError):
    """A host cannot go on in the rotation for now; `detail` says why."""

    def __init__(self, detail: str) -> None:
        self.detail = clean_line(detail, 300)
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class File:
    """One file as it was read: `checksum` is the host's own, to be given back when it is replaced."""

    content: bytes
    checksum: str


class AuthorizedKeys:
    """Reads and edits the files of the account that `run` runs commands as."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._program = files("orchestrator.rotation").joinpath("authorized_keys.sh").read_text(encoding="ascii")

    async def read(self) -> Mapping[str, File]:
        """The files that there are, by name. Raises Trouble."""
        return _parse(await self._ask(["read"]))

    async def edit(self, change: Callable[[bytes], bytes]) -> Mapping[str, bytes]:
        """Let `change` have each file, and put what it makes of it in its place; returns what the files hold now.

        A file is replaced whole or not at all; one that somebody else changed meanwhile is read again. Raises Trouble.
        """
        for _ in range(_TRIES):
            found = await self.read()
            try:
                return {name: await self._change(name, file, change(file.content)) for name, file in found.items()}
            except Trouble as trouble:
                if _CHANGED not in trouble.detail:
                    raise
        raise Trouble(f"its authorized_keys is {_CHANGED} again and again")

    async def _change(self, name: str, file: File, content: bytes) -> bytes:
        if content != file.content:
            answer = await self._ask(["write", name, file.checksum, str(len(content))], content)
            if answer != b"end\n":
                raise Trouble("the host did not confirm the new authorized_keys")
        return content

    async def _ask(self, words: Sequence[str], stdin: bytes = b"") -> bytes:
        script = f"set -- {shlex.join(words)}\n{self._program}"
        result = await self._run(Command(script, stdin=stdin, timeout=_TIMEOUT, limit=_LIMIT))
        if result.status is not Status.OK:
            name = result.status.replace("_", " ")
            raise Trouble(result.detail or clean_line(result.err, 300) or f"{name} while editing authorized_keys")
        if result.truncated:
            raise Trouble("its answer is too long")
        _, begun, answer = result.stdout.partition(_BEGIN)
        if not begun:
            raise Trouble("cannot read the answer about its authorized_keys")
        return answer


def _parse(answer: bytes) -> Mapping[str, File]:
    found: dict[str, File] = {}
    at = 0
    while head := _HEAD.match(answer, at):
        name, checksum, size = (group.decode() for group in head.groups())
        end = head.end() + int(size)
        if answer[end : end + 1] != b"\n":
            break
        found[name] = File(answer[head.end() : end], checksum)
        at = end + 1
    if answer[at:] != b"end\n":
        raise Trouble("cannot read the answer about its authorized_keys")
    return found
