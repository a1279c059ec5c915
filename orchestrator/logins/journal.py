"""One entry of ``journalctl -o json`` into a LoginEvent, where it can be believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from orchestrator.logins.event import Kind, LoginEvent
from orchestrator.logins.parse import LONGEST, Origin, understand
from orchestrator.logins.patterns import Program, catalogue
from orchestrator.logins.text import safe
from orchestrator.logins.unsaid import GAVE_UP

_LARGEST = 1 << 20
"""Bytes of an entry; journalctl itself leaves out fields above 4 KiB."""
_ROOT = "0"
_BY_USERS = frozenset({Kind.SUDO, Kind.SU, Kind.SESSION_OPENED, Kind.SESSION_CLOSED, Kind.OTHER})


def parse_journal(entry: bytes, *, host: str) -> LoginEvent | None:
    """What one entry says of logins; None when it says nothing of them, or pretends to.

    Anybody may write to the journal under any name (``logger -t sshd``). What they cannot choose are the fields that
    journald adds, which begin with an underscore: `trust` goes by these. `host` as in `parse_line`.
    """
    fields = _fields(entry)
    name = _text(fields, "SYSLOG_IDENTIFIER") or _text(fields, "_COMM")
    program = catalogue().programs.get(name)
    message = _message(fields)
    time = _time(fields)
    if program is None or message is None or time is None:
        return None
    writer = trust(program, fields)
    leader = _text(fields, "LEADER") if writer is Writer.PROGRAM and program.name == "logind" else ""
    origin = Origin(
        time=time,
        host=host or safe(_text(fields, "_HOSTNAME"), 255),
        source="journal",
        verified=writer is Writer.PROGRAM,
        program=name,
        pid=_number(leader or _text(fields, "_PID")),
        line=f"{name}[{_text(fields, '_PID') or '?'}]: {message}",
    )
    event = understand(program, message[:LONGEST], origin, cut=len(message) > LONGEST)
    if event is None or writer is Writer.PRETENDER or (writer is Writer.USER and not _of_users(program, event)):
        return None
    return event


class Writer(Enum):
    """Who wrote an entry, as far as the kernel and journald know."""

    PROGRAM = auto()
    """Root, in a process of the name that it gives itself."""
    ROOT = auto()
    """Root, in a process that was gone before journald could ask for its name: measured on one line in forty."""
    USER = auto()
    """A user, in a process that may be what it says."""
    PRETENDER = auto()
    """A process of another name."""


def trust(program: Program, fields: Mapping[str, Any]) -> Writer:
    """Who wrote an entry that calls itself `program`.

    The kernel vouches for ``_UID``. ``_COMM`` is read by journald a moment later, so of a user's process, which may
    have become another by then, it proves nothing; a container's driver logs as root, but under its own.
    """
    process = _text(fields, "_COMM")
    if process and process not in program.processes:
        return Writer.PRETENDER
    if _text(fields, "_UID") != _ROOT:
        return Writer.USER
    return Writer.PROGRAM if process else Writer.ROOT


def _of_users(program: Program, event: LoginEvent) -> bool:
    """Whether this is what a process of a user may say.

    sudo and su run for their user, and sshd's half of a session as its user, so these lines must be told. Who forges
    one lies about becoming another or about leaving, never about coming in or having tried: of who gave up, which may
    count as a try, root writes.
    """
    if event.kind is Kind.DISCONNECTED:
        return event.pattern != GAVE_UP
    return program.started_by_users and event.kind in _BY_USERS


def _fields(entry: bytes) -> Mapping[str, Any]:
    if len(entry) > _LARGEST:
        return {}
    try:
        fields = json.loads(entry)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _message(fields: Mapping[str, Any]) -> str | None:
    """MESSAGE, which is a list of bytes when it is no clean UTF-8."""
    message = fields.get("MESSAGE")
    if isinstance(message, str):
        return message
    if isinstance(message, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in message):
        return bytes(message).decode("utf-8", "replace")
    return None


def _time(fields: Mapping[str, Any]) -> float | None:
    """When it was written, by the host's clock; both stamps are microseconds and journald's own."""
    stamp = _number(_text(fields, "_SOURCE_REALTIME_TIMESTAMP")) or _number(_text(fields, "__REALTIME_TIMESTAMP"))
    return stamp / 1e6 if stamp else None


def _number(text: str) -> int | None:
    return int(text) if len(text) <= 16 and text.isascii() and text.isdigit() else None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
