"""One line of a log, or one message of a program, into a LoginEvent: bytes in, never an exception."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

from orchestrator.logins.event import LoginEvent
from orchestrator.logins.patterns import Pattern, Program, catalogue
from orchestrator.logins.syslog import take_apart
from orchestrator.logins.template import Match
from orchestrator.logins.text import LINE, address, safe, unescaped

LONGEST = 8192
"""Bytes of a line that are read; rsyslog's own bound. What is behind them is not known, and so may matter."""
MOST = 1_000_000
"""The highest count that is believed."""
_PAM = ("pam_", "PAM ")
"""What modules of PAM begin with: they write for themselves, and escape nothing."""
_REPEATED = "message repeated "
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Origin(NamedTuple):
    """Where and when a message was written, and whether that is certain."""

    time: float
    host: str
    source: str
    verified: bool
    program: str
    pid: int | None
    line: str


def parse_line(line: bytes, *, host: str, source: str, now: float, zone: tzinfo | None) -> LoginEvent | None:
    """What one line of a log says of logins; None when it says nothing of them.

    `host` is the inventory's name for it, or ``""`` for what the line itself says; `now` (seconds since the epoch) and
    the host's `zone` (None: this machine's) tell what a stamp without a year or a zone means. A file vouches for
    nobody: not verified.
    """
    text = line[:LONGEST].rstrip(b"\r\n\0").decode("utf-8", "replace")
    said = take_apart(text, now=now, zone=zone)
    if said is None:
        return None
    program = catalogue().programs.get(said.program)
    if program is None:
        return None
    origin = Origin(said.time, host or safe(said.host, 255), source, False, said.program, said.pid, text)
    return understand(program, said.message, origin, cut=len(line) > LONGEST)


def understand(program: Program, message: str, origin: Origin, *, cut: bool = False) -> LoginEvent | None:
    """What a message of `program` says of logins; `cut` tells that its end is missing."""
    message, times = _once(message.lstrip(" "))  # sudo aligns names
    cut = cut or 0 < program.longest <= len(message)
    for prefix in program.prefixes:
        message = message.removeprefix(prefix)
    escaped = 0
    if program.escapes and not message.startswith(_PAM):
        relayed = message.endswith(program.suffix)
        message = message.removesuffix(program.suffix)
        escaped = 2 if relayed else 1
    for pattern, template in program.candidates(message):
        found = template.match(message, cut=cut)
        if found is not None:
            return _event(pattern, found, origin, escaped, times)
    return None


def _once(message: str) -> tuple[str, int]:
    """A message, and how many times rsyslog says it came: ``message repeated 5 times: [ Failed ...]``."""
    if message.startswith(_REPEATED):
        number, mark, rest = message[len(_REPEATED) :].partition(" times: [ ")
        if mark and rest.endswith("]"):
            return rest[:-1], _number(number, 1)
    return message, 1


def _event(pattern: Pattern, found: Match, origin: Origin, escaped: int, times: int) -> LoginEvent:
    fields = dict(pattern.fixed)
    fields.update(found.fields)
    peer, port = fields.get("address", ""), fields.get("port", "")
    if "peer" in fields:
        peer, _, port = fields["peer"].rpartition(":")
    count = _number(fields["count"], 1) if "count" in fields else pattern.count
    key, about_key = _key(fields)
    detail = "ambiguous" if found.doubtful else fields.get("detail", "").removeprefix("COMMAND=") or about_key
    return LoginEvent(
        time=origin.time,
        host=origin.host,
        kind=pattern.kind,
        user=_text(fields.get("user", ""), escaped),
        address=address(peer) if peer else "",
        port=_port(port),
        method=safe(fields.get("method", "")),
        session=safe(fields.get("session", "")),
        source=origin.source,
        verified=origin.verified,
        count=min(count * times, MOST),
        line=safe(origin.line, LINE),
        key=_text(key, escaped),
        program=origin.program,
        pid=origin.pid,
        target=_text(fields.get("target", ""), escaped),
        ok=pattern.ok,
        detail=_text(detail, escaped),
        pattern=pattern.id,
    )


def _key(fields: Mapping[str, str]) -> tuple[str, str]:
    """A key's type and fingerprint, and what is said of it beside: a certificate's ID, another method's words."""
    key = fields.get("key", "")
    if "keytype" in fields:
        return f"{fields['keytype']} {key}", ""
    kind, _, rest = key.partition(" ")
    fingerprint, _, about = rest.partition(" ")
    if not about and ":" not in fingerprint:
        return (key, "") if ":" in kind and not rest else ("", key)
    return f"{kind} {fingerprint.rstrip(',')}", about


def _text(value: str, escaped: int) -> str:
    return safe(unescaped(value, escaped)) if value else ""


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1
    return number if 0 < number < 65_536 else None


def _number(text: str, otherwise: int) -> int:
    """A count in digits or, as some programs write it, in a word."""
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return min(int(text), MOST)
    return _WORDS.index(text) if text in _WORDS else otherwise
