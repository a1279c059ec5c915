"""Which keys open which accounts of a host: what hostctl sends of the files of keys, and what sshd reads in one.

`fleet/hostctl/84-keys.sh` says what is sent. What a file holds is its user's, and may be made to hide a key in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError
from orchestrator.logins.framing import Unreadable, cut
from orchestrator.logins.text import safe

ALL = "all"
"""The scope of a look at all accounts."""
_HEAD = b"hostctl\t1\tfollow"
_LARGEST_LOOK = 32 << 20
_LARGEST_FILE = 400_000
"""Bytes of base64; hostctl cuts a file after 256 KiB. Nobody else has a turn while one is read."""
_LARGEST_LINE = 1 << 16
_MOST_KEYS = 20_000
_LONGEST = 100
# sshd skips the options up to the first blank outside of quotes; a backslash hides a quote (auth2-pubkeyfile.c).
_OPTIONS = re.compile(r'(?:\\"|"(?:\\"|[^"])*(?:"|\Z)|[^ \t"])*')
_KEY = re.compile(r"([a-z0-9@.-]{3,64})[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AccountKey:
    """A key that opens the account `user`: its `kind` (``ssh-ed25519``), its `fingerprint` (``SHA256:...``).

    An `authority` opens it for all whom it signs for. Of a file too large to be sent whole, one with an empty `kind`
    and `fingerprint` stands for what was not looked at.
    """

    user: str
    kind: str
    fingerprint: str
    comment: str = ""
    authority: bool = False

    @property
    def identity(self) -> tuple[str, str, bool]:
        """What makes it another key: whom it opens the account for is more than a word beside it."""
        return self.user, self.fingerprint, self.authority

    def label(self, *, ours: bool) -> str:
        """Flags, kind, fingerprint and comment between tabs, which none of them holds: its name in an episode."""
        flags = ",".join(flag for flag, is_so in (("authority", self.authority), ("ours", ours)) if is_so)
        return "\t".join((flags, self.kind, self.fingerprint, self.comment))


@dataclass(frozen=True, slots=True)
class Look:
    """All keys of all accounts that were looked at, at once. `scope` is `ALL`, or the only account.

    `roots` are the accounts with the number 0, `unseen` those of which files could not be read.
    """

    scope: str
    keys: tuple[AccountKey, ...]
    roots: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


class CannotLook(OrchestratorError):
    """The host itself says why it cannot look at the keys."""


class Looks:
    """Reads what arrives, piece by piece."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._greeted = False
        self._scope = ""
        self._keys: dict[tuple[str, str, bool], AccountKey] = {}
        self._people: dict[str, dict[str, None]] = {"root": {}, "unseen": {}}
        self._size = 0
        self._user = ""
        self._whole = True
        self._file: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[Look]:
        """What `data` completes. Raises Unreadable, and CannotLook."""
        for line in cut(self._rest, data):
            if not self._greeted:  # a login shell may talk first
                self._greeted = line == _HEAD
            elif self._file is not None:
                self._of_file(line)
            elif line:
                yield from self._word(line.decode("utf-8", "replace"))
        if len(self._rest) > _LARGEST_LINE:
            raise Unreadable("a line without an end")

    def _word(self, text: str) -> Iterator[Look]:
        word, _, value = text.partition("\t")
        if word == "look" and value:
            self._scope, self._size = value[:_LONGEST], 0
            self._keys.clear()
            self._people = {"root": {}, "unseen": {}}
        elif word in self._people and value and self._scope:
            self._people[word][safe(value, _LONGEST)] = None
            if len(self._people[word]) > _MOST_KEYS:
                raise Unreadable(f"more than {_MOST_KEYS} accounts")
        elif word == "file" and value.endswith(("\twhole", "\tpart")) and self._scope:
            user, _, size = value.rpartition("\t")
            self._user, self._whole, self._file = safe(user, _LONGEST), size == "whole", bytearray()
        elif word == "looked" and self._scope:
            roots, unseen = (tuple(self._people[word]) for word in ("root", "unseen"))
            yield Look(self._scope, tuple(self._keys.values()), roots, unseen)
        elif word == "error":
            raise CannotLook(safe(value, 300))
        elif word not in {"source", "end"}:
            raise Unreadable(f"{text[:40]!r}")

    def _of_file(self, line: bytes) -> None:
        assert self._file is not None
        if line != b".":
            self._file += line
            self._size += len(line)
            if self._size > _LARGEST_LOOK or len(self._file) > _LARGEST_FILE:
                raise Unreadable("files of keys without an end")
            return
        try:
            data = base64.b64decode(self._file, validate=True)
        except Base64Error as error:
            raise Unreadable("a file that is not base64") from error
        self._file = None
        for key in keys_in(self._user, data):
            self._keys.setdefault(key.identity, key)
        if not self._whole:
            rest = AccountKey(self._user, "", "")
            self._keys[rest.identity] = rest
        if len(self._keys) > _MOST_KEYS:
            raise Unreadable(f"more than {_MOST_KEYS} keys")


def keys_in(user: str, data: bytes) -> Iterator[AccountKey]:
    """The keys of a file of keys, by the rules of sshd(8): options that look like a key are none."""
    for line in data.decode("utf-8", "replace").split("\n"):
        text = line.strip(" \t\r")
        if not text or text.startswith("#"):
            continue
        options = ""
        match = _KEY.match(text)
        blob = _blob(match)
        if blob is None:
            options = _OPTIONS.match(text)[0]  # type: ignore[index]  # it matches nothing, too
            match = _KEY.match(text[len(options) :].lstrip(" \t"))
            blob = _blob(match)
        if match is None or blob is None:
            continue
        authority = "cert-authority" in re.sub(r'"(?:\\"|[^"])*"?', "", options).lower().split(",")
        yield AccountKey(user, match[1], fingerprint(blob), safe((match[3] or "").strip(), _LONGEST), authority)


def fingerprint(blob: bytes) -> str:
    """``SHA256:...`` of a key in the wire format, as ssh-keygen writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _blob(match: re.Match[str] | None) -> bytes | None:
    """The key in the wire format, if it is one of the kind that stands before it (RFC 4253, section 6.6)."""
    if match is None:
        return None
    try:
        blob = base64.b64decode(match[2], validate=True)
    except Base64Error:
        return None
    kind = match[1].encode()
    return blob if blob[:4] == len(kind).to_bytes(4) and blob[4:].startswith(kind) else None
