"""One call of a prepared shell, from its sending to a Reply that tells the truth."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from orchestrator.ssh.answer import Answer
from orchestrator.ssh.call import Call, Reply
from orchestrator.ssh.exchange import NotStarted, OnOutput
from orchestrator.ssh.execution import first, swept, to_the_end
from orchestrator.ssh.failure import NoConnection
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.place import Refusal
from orchestrator.ssh.request import request
from orchestrator.ssh.result import Result, Status
from orchestrator.ssh.session import Session
from orchestrator.ssh.stdin import Stdin
from orchestrator.ssh.sweep import GONE, UNKNOWN, Fate

Open = Callable[[asyncio.Event | None, float], Awaitable[Session]]


class Turn:
    """`call` on the host called `host`; `session_is_good` tells whether the shell can be used for another."""

    def __init__(
        self, host: str, call: Call, limits: Limits, stop: asyncio.Event | None, on_output: OnOutput | None
    ) -> None:
        self.session: Session | None = None
        self._host = host
        self._call = call
        self._limits = limits
        self._stop = stop
        self._token = secrets.token_hex(16)
        self._mark = secrets.token_hex(16)
        self._answer = Answer(self._token, call.limit, on_output)
        self._started_at, self._started = datetime.now(UTC), time.monotonic()
        self._deadline = self._started + call.timeout

    @property
    def session_is_good(self) -> bool:
        """True if the call came to its end by itself."""
        return self._answer.complete and self.session is not None and not self.session.ended.is_set()

    async def run(self, opened: Open) -> Reply:
        """Run it on the session that `opened` gives. Raises OSError, and what `on_output` or `on_progress` raised.

        Takes at most `timeout` + `limits.kill_timeout` seconds after the shell was there. Cancellation stops the
        program first, within `limits.kill_timeout`.
        """
        with Stdin(self._call.stdin, self._call.on_progress) as stdin:
            try:
                self.session = session = await opened(self._stop, self._deadline)
            except Refusal as refusal:
                self._answer.stderr.feed(refusal.said)
                return self._reply(refusal.status, refusal.detail, GONE)
            if self._stop is not None and self._stop.is_set():
                return self._reply(Status.CANCELLED, "stopped on request before it was started", GONE)
            self._started_at, self._started = datetime.now(UTC), time.monotonic()
            self._deadline = self._started + self._call.timeout
            feeding = self._send(session, stdin)
            try:
                await first(self._answer.ended, self._stop, timeout=self._deadline - time.monotonic())
                status = self._verdict(session)
                fate = UNKNOWN if status is Status.LOST else GONE
                if status in (Status.TIMEOUT, Status.CANCELLED):
                    fate = await self._stopped(session)
            except asyncio.CancelledError:
                if not self._answer.ended.is_set():
                    await to_the_end(self._stopped(session))
                raise
            finally:
                self._answer.mute()
                if feeding is not None:
                    feeding.cancel()
        if self._answer.fault is not None:
            raise self._answer.fault
        if not session.entrance.announced.is_set():
            self._answer.stderr.feed(session.noise.value)
        return self._reply(status, self._detail(session, status, fate), fate)

    def _send(self, session: Session, stdin: Stdin) -> asyncio.Task[None] | None:
        fresh, libraries = session.number(self._call.libraries)
        session.begin(self._answer)
        session.write(
            request(
                self._call.script,
                token=self._token,
                mark=self._mark,
                fresh=fresh,
                libraries=libraries,
                stdin=stdin.small,
                tidy=self._call.tidy,
            )
        )
        if stdin.small is not None:
            return None
        return asyncio.ensure_future(stdin.stream(self._answer, session, self._limits.drain))

    def _verdict(self, session: Session) -> Status:
        answer = self._answer
        if answer.code is not None and answer.fault is None and not session.violation:
            return Status.OK if answer.code == 0 else Status.FAILED
        if answer.fault is None and session.ended.is_set():
            begun = session.entrance.announced.is_set() or session.exit_code is None
            return Status.LOST if begun else Status.FAILED
        if session.violation:
            return Status.LOST
        stopped = answer.fault is not None or (self._stop is not None and self._stop.is_set())
        return Status.CANCELLED if stopped else Status.TIMEOUT

    async def _stopped(self, session: Session) -> Fate:
        """End the shell and all that runs in it, and tell what is known of it then."""
        known, entrance = UNKNOWN, session.entrance
        try:
            async with asyncio.timeout(self._limits.kill_timeout):
                await first(entrance.announced, session.ended, timeout=self._limits.kill_timeout / 2)
                if entrance.group is not None:
                    known = await swept(session.place.reserve, session.become, entrance.group, self._mark, self._limits)
        except (TimeoutError, NotStarted, NoConnection):
            pass
        if known is UNKNOWN:
            session.place.spoil()
        return known

    def _reply(self, status: Status, detail: str, fate: Fate) -> Reply:
        answer = self._answer
        result = Result(
            host=self._host,
            status=status,
            exit_code=answer.code if status.answered else None,
            stdout=answer.stdout.value,
            stderr=answer.stderr.value,
            stdout_size=answer.stdout.size,
            stderr_size=answer.stderr.size,
            truncated=answer.stdout.truncated or answer.stderr.truncated,
            started_at=self._started_at,
            duration=time.monotonic() - self._started,
            detail=detail,
            may_be_alive=fate.alive,
        )
        return Reply(result, tuple(answer.records))

    def _detail(self, session: Session, status: Status, fate: Fate) -> str:
        if status is Status.TIMEOUT:
            return f"no end within {self._call.timeout:g} s; {fate.text}"
        if status is Status.CANCELLED:
            return f"stopped on request; {fate.text}"
        if status is Status.FAILED and self._answer.code is None:
            return session.failure
        if status is not Status.LOST:
            return ""
        if session.violation:
            return f"the host answered against the protocol: {session.violation}; {fate.text}"
        how = session.loss or f"the shell ended by itself{f' (signal {session.signal})' if session.signal else ''}"
        begun = "" if session.entrance.announced.is_set() else "; it had not reported its start"
        return f"{how}{begun}; {fate.text}"
