"""A prepared shell: one long-lived /bin/sh on a host, as one user, that runs program after program."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Self

from orchestrator.errors import UsageError
from orchestrator.inventory.model import Become, Host
from orchestrator.ssh.become import unfit_become
from orchestrator.ssh.call import Call, Library, Reply
from orchestrator.ssh.exchange import OnOutput
from orchestrator.ssh.execution import first
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.place import Way
from orchestrator.ssh.result import Result, Status
from orchestrator.ssh.session import Session, open_session
from orchestrator.ssh.turn import Turn

__all__ = ["Call", "Library", "Reply", "Shell"]


class Shell:
    """Runs calls on `host` as `become` (the login user if None), one after the other, each in one round trip.

    The host's shell is started by the first call, and again by the next one when it went away, when a call had to be
    stopped, or when a program left a process behind that still holds its outputs. `way` gives the way to the host.
    """

    def __init__(self, host: Host, become: Become | None, way: Callable[[], Way], limits: Limits) -> None:
        self._host = host
        self._become = become
        self._way = way
        self._limits = limits
        self._lock = asyncio.Lock()
        self._session: Session | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, call: Call, *, stop: asyncio.Event | None = None, on_output: OnOutput | None = None) -> Reply:
        """Run `call` to its end, its deadline, or until `stop` is set; what is left of it is then ended on the host.

        Whatever happens to the host or on the way is in the Reply; `lost` means that the program may have run. Raises
        UsageError for a script with NUL bytes and a timeout that is none, OSError when the file on standard input
        cannot be read, and what `on_output` or `on_progress` raised; if the program had begun it was stopped.
        """
        if "\0" in call.script or not 0 < call.timeout < math.inf or call.limit < 0:
            raise UsageError(
                "no NUL byte, a timeout above 0 and a limit of at least 0", where=f"host {self._host.name}"
            )
        problem = unfit_become(self._become) if self._become is not None else None
        if problem is not None:
            return Reply(Result(self._host.name, Status.FAILED, detail=problem))
        async with self._lock:
            session = None
            try:
                turn = Turn(self._host.name, call, self._limits, stop, on_output)
                reply = await turn.run(self._open)
                session = turn.session if turn.session_is_good else None
            finally:
                if session is None:
                    self._discard()
                else:
                    session.place.rest(self._discard)
            return reply

    def renew(self) -> None:
        """The next call goes over a fresh connection: the host may have become another since. For between calls."""
        self._discard()
        self._way().renew()

    async def close(self) -> None:
        """End the host's shell, after the call that is running."""
        async with self._lock:
            session = self._session
            self._discard()
            if session is not None:
                await first(session.ended, timeout=self._limits.drain)

    async def _open(self, stop: asyncio.Event | None, deadline: float) -> Session:
        """The session there is, or a new one; see open_session."""
        session = self._session
        if session is not None:
            session.place.wake(self._discard)
            if await session.is_ready(self._limits.drain):
                return session
            self._discard()
        self._session = await open_session(self._become, self._way, self._limits, stop, deadline)
        return self._session

    def _discard(self) -> None:
        """Hang up; the next call starts another shell."""
        session, self._session = self._session, None
        if session is not None:
            session.end()
