"""The host of a task, as its module sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.inventory.model import Become, Host
from orchestrator.playbook.engine.script import invocation, libraries
from orchestrator.playbook.engine.shells import Shells
from orchestrator.playbook.load import files
from orchestrator.playbook.modules.base import Answer, Parameter, Program, Target, TaskFailed, Unreachable
from orchestrator.playbook.modules.delivery import readable
from orchestrator.playbook.templating import Templar
from orchestrator.playbook.vault import Vault, is_encrypted
from orchestrator.ssh.result import MIB, Result, Status
from orchestrator.ssh.shell import Call

Ask = Callable[[str], Awaitable[str | None]]
_BOOT_ID = Program(
    "boot_id", 'boot_id() { read -r boot_id </proc/sys/kernel/random/boot_id && say boot_id "$boot_id"; }'
)

# Between two tries to reach a host: sshd locks out who comes more often (PerSourcePenalties, sshd_config(5)).
_PAUSE = 1.0


class Stopped(Exception):
    """The run was stopped while the task was at it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Services:
    """What all targets of a run share. `ask` puts a question to a person; `grace` is how many seconds the stopping of
    what runs on a host may take."""

    shells: Shells
    stop: asyncio.Event
    vault: Vault | None
    load_vars: Callable[[Path], Mapping[str, Any]]
    ask: Ask | None
    grace: float


@dataclass(slots=True)
class PlayTarget(Target):
    """See Target. `host` is whose variables count, `place` where the task runs: another one when delegated.

    `calls` is how many exchanges with the host are going on, `may_be_alive` that the end of one was not seen.
    """

    host: str
    check: bool
    diff: bool
    facts: Mapping[str, Any]
    place: Host
    become: Become | None
    environment: Mapping[str, str]
    timeout: float
    search: tuple[Path, ...]
    templar: Templar
    on_progress: Callable[[str], None]
    services: Services
    calls: int = 0
    may_be_alive: bool = False

    async def sh(
        self,
        program: Program,
        call: str,
        /,
        *words: str | bytes,
        stdin: bytes | Path = b"",
        timeout: float | None = None,
        limit: int = 1 << 20,
        **parameters: Parameter,
    ) -> Answer:
        """See Target.sh."""
        script = invocation(call, words, parameters, self.environment)
        asked = Call(
            script,
            libraries(program),
            stdin=stdin,
            timeout=self.timeout if timeout is None else timeout,
            limit=limit,
            on_progress=Sending(stdin, self.on_progress).sent if isinstance(stdin, Path) else None,
            tidy=program.tidy,
        )
        async with self.services.shells.lend(self.place, self.become) as shell:
            self.calls += 1
            try:
                reply = await shell.call(asked, stop=self.services.stop)
            except OSError as error:
                raise TaskFailed(f"{stdin!s} cannot be read: {error.strerror}") from error
            finally:
                self.calls -= 1
        result = reply.result
        self.may_be_alive |= result.may_be_alive
        _judge(result)
        assert result.exit_code is not None
        return Answer(result.exit_code, result.stdout, result.stderr, reply.records, result.truncated, result.duration)

    def find(self, kind: str, name: str) -> Path:
        """See Target.find."""
        found = files.find(kind, name, self.search)
        if found is not None:
            return readable(found)
        places = ", ".join(map(str, files.candidates(kind, name, self.search)))
        raise TaskFailed(f"Could not find {name} on the control node. Looked for: {places}")

    def render(self, text: str, name: str, overrides: Mapping[str, Any] | None = None, **extra: Any) -> str:
        """See Target.render."""
        return self.templar.render_file(text, name, overrides=overrides, extra=extra)

    def evaluate(self, expression: Any) -> Any:
        """See Target.evaluate."""
        return self.templar.evaluate(expression)

    def holds(self, condition: Any) -> bool:
        """See Target.holds."""
        return self.templar.condition([condition])[0]

    def reveal(self, data: bytes) -> bytes:
        """See Target.reveal."""
        if not is_encrypted(data):
            return data
        if self.services.vault is None:
            raise TaskFailed("the file is encrypted with Ansible Vault. Give its password with --vault-password-file.")
        return self.services.vault.decrypt(data, "file")

    def load_vars(self, path: Path) -> Mapping[str, Any]:
        """See Target.load_vars."""
        return self.services.load_vars(path)

    async def ask(self, question: str) -> str | None:
        """See Target.ask."""
        return await self.services.ask(question) if self.services.ask else None

    def progress(self, text: str) -> None:
        """See Target.progress."""
        self.on_progress(text)

    async def reconnect(self, *, timeout: float, connect_timeout: float, delay: float) -> float:
        """See Target.reconnect."""
        begun, why = time.monotonic(), "it was not tried"
        try:
            async with asyncio.timeout(timeout):
                while True:
                    why = await self._try(connect_timeout)
                    if not why:
                        return time.monotonic() - begun
                    await asyncio.sleep(max(delay, _PAUSE))
        except TimeoutError:
            raise TimeoutError(f"no answer within {timeout:g} s: {why}") from None

    async def _try(self, connect_timeout: float) -> str:
        """Reach the host over a fresh connection; why not, if not."""
        self.services.shells.renew(self.place)
        try:
            async with asyncio.timeout(connect_timeout):
                await self.boot_id()
        except Unreachable as error:
            return error.detail
        except TimeoutError:
            return f"no connection within {connect_timeout:g} s"
        return ""

    async def boot_id(self) -> str:
        """See Target.boot_id."""
        return (await self.sh(_BOOT_ID, "boot_id")).get("boot_id")


class Sending:
    """Tells how far a file has got, at most once a second."""

    def __init__(self, file: Path, tell: Callable[[str], None]) -> None:
        self._size = file.stat().st_size
        self._tell = tell
        self._told = time.monotonic()

    def sent(self, count: int) -> None:
        """`count` bytes are on their way."""
        if time.monotonic() - self._told >= 1:
            self._told = time.monotonic()
            self._tell(f"{count / MIB:.0f} of {self._size / MIB:.0f} MiB sent")


def _judge(result: Result) -> None:
    """Raise what tells of a call that did not come to its end."""
    if result.status is Status.TIMEOUT:
        raise TaskFailed(f"{result.detail}. Give the task a longer time with the keyword timeout.")
    if result.status is Status.CANCELLED:
        raise Stopped(result.detail)
    if result.status is Status.LOST:
        raise Unreachable(result.detail, may_have_run=True)
    if not result.status.answered:
        raise Unreachable(result.detail)
    if result.exit_code is None:
        raise TaskFailed(result.detail or "it did not run, and the host does not say why")
