"""The standard input of a call: sent with it when small, else streamed in blocks when the program is there."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.ssh.answer import Answer
from orchestrator.ssh.execution import first
from orchestrator.ssh.request import block
from orchestrator.ssh.session import Session

# What the program leaves unread stays in a pipe of at least 64 KiB (pipe(7)), and nobody waits for its reader.
_SMALL = 1 << 15
_BLOCK = 1 << 18


class Stdin(AbstractContextManager["Stdin"]):
    """`source` as a context manager that opens it, if a Path; `small` is None when it has to be streamed."""

    def __init__(self, source: bytes | Path, on_progress: Callable[[int], None] | None) -> None:
        self._on_progress = on_progress
        self._source = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
        self._head = self._source.read(_SMALL + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    @property
    def small(self) -> bytes | None:
        """All of it, if that is little."""
        return self._head if len(self._head) <= _SMALL else None

    async def stream(self, answer: Answer, session: Session, patience: float) -> None:
        """Send it once `answer` says go, no faster than it is read; end early when the program ended.

        A block that nobody takes because the program ended, but left something behind that holds the pipe, is waited
        for `patience` seconds.
        """
        await answer.go.wait()
        try:
            await self._send_all(answer, session)
        except Exception as error:  # noqa: BLE001  the caller raises it, after the program was stopped
            answer.fail(error)
            return
        session.write(block(b""))
        await answer.over.wait()
        if not await first(answer.ended, timeout=patience):
            answer.fail()

    async def _send_all(self, answer: Answer, session: Session) -> None:
        sent, data = 0, self._head
        while data:
            await first(session.writable, answer.over)
            if answer.over.is_set():
                return
            session.write(block(data))
            sent += len(data)
            if self._on_progress is not None:
                self._on_progress(sent)
            data = await asyncio.to_thread(self._source.read, _BLOCK)
