"""What is asked of a host, and what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MIB = 1 << 20


class Status(StrEnum):
    """How a command on one host ended. Only `OK` and `FAILED` mean that the command ran to its end."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    AUTH_FAILED = "auth_failed"
    HOST_KEY_UNKNOWN = "host_key_unknown"
    HOST_KEY_CHANGED = "host_key_changed"
    LOST = "lost"
    CANCELLED = "cancelled"

    @property
    def answered(self) -> bool:
        """True if the host ran the command to its end and we know its exit status."""
        return self in (Status.OK, Status.FAILED)


@dataclass(frozen=True, slots=True)
class Command:
    """A shell program for a host's ``/bin/sh``.

    `timeout` is in seconds and holds on both ends; `limit` is the number of bytes kept of each output stream
    (half from the head, half from the tail); `become` asks for the host's become user even when the host does
    not ask for it by itself.
    """

    script: str
    stdin: bytes = b""
    timeout: float = 60.0
    limit: int = MIB
    become: bool = False

    @classmethod
    def argv(cls, argv: Sequence[str], *, timeout: float = 60.0, become: bool = False) -> Command:
        """A program and its arguments, quoted once.

        >>> Command.argv(["echo", "a b"]).script
        "echo 'a b'"
        """
        return cls(shlex.join(argv), timeout=timeout, become=become)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one `Command` on one host.

    `stdout` and `stderr` are bytes as received, at most `Command.limit` each plus one marker line where the middle
    was left out; `stdout_size` and `stderr_size` count what the host really sent. `exit_code` is None unless
    known; a command killed by a signal has ``128 + number`` where the number is known. `detail` is one line for a
    person: why unreachable, what is known of the remote process. `may_be_alive` is True when the remote process, or
    something it detached, was not seen to end (timeout, cancelled, lost).
    """

    host: str
    status: Status
    exit_code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    stdout_size: int = 0
    stderr_size: int = 0
    truncated: bool = False
    started_at: datetime | None = None
    duration: float = 0.0
    detail: str = ""
    may_be_alive: bool = False

    @property
    def out(self) -> str:
        """`stdout` as text, undecodable bytes replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        """`stderr` as text, undecodable bytes replaced."""
        return self.stderr.decode("utf-8", "replace")
