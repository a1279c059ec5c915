"""The lines of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT), and edits that touch no other line."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

# As sshd reads them: up to the first blank outside of quotes, in which \" is no quote.
_OPTIONS = re.compile(rb'(?:\\"|"(?:\\"|[^"])*"|[^ \t"])*')


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: `kind` (``ssh-ed25519``), its base64 `data`, and a `comment`."""

    kind: str
    data: str
    comment: str = ""

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """From the line of a .pub file."""
        kind, data, *comment = line.strip().split(None, 2)
        return cls(kind, data, "".join(comment))

    @property
    def line(self) -> str:
        """As in a .pub file."""
        return f"{self.kind} {self.data} {self.comment}".rstrip()

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` as ssh-keygen has it."""
        digest = hashlib.sha256(base64.b64decode(self.data)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def holds(content: bytes, key: PublicKey) -> bool:
    """True when a line of `content` lets `key` in, whatever its options."""
    return any(before is not None for _, before in _read(content, key))


def put_beside(content: bytes, old: PublicKey, new: PublicKey) -> bytes:
    """`content` with a line for `new` after each line for `old`, with the same options; as it is if `new` is there."""
    if holds(content, new):
        return content
    lines: list[bytes] = []
    for line, before in _read(content, old):
        lines.append(line)
        if before is not None:
            end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
            lines[-1] = line if line.endswith(b"\n") else line + end
            lines.append(before + new.line.encode() + end)
    return b"".join(lines)


def without(content: bytes, old: PublicKey) -> bytes:
    """`content` without its lines for `old`."""
    return b"".join(line for line, before in _read(content, old) if before is None)


def _read(content: bytes, key: PublicKey) -> Iterator[tuple[bytes, bytes | None]]:
    """Each line, and what stands before `key` in it (blanks and options); None when it is about something else."""
    wanted = re.compile(rb"%s[ \t]+%s(?=\s|$)" % (re.escape(key.kind.encode()), re.escape(key.data.encode())))
    for line in re.findall(rb"[^\n]*\n|[^\n]+", content):
        yield line, _before(line, wanted)


def _before(line: bytes, wanted: re.Pattern[bytes]) -> bytes | None:
    start = len(line) - len(line.lstrip(b" \t"))
    if wanted.match(line, start):
        return line[:start]
    match = _OPTIONS.match(line, start)
    after = match.end() if match else start
    key = re.compile(rb"[ \t]+").match(line, after)
    if line[start : start + 1] == b"#" or key is None or not wanted.match(line, key.end()):
        return None
    return line[: key.end()]
