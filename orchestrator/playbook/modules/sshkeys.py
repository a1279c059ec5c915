"""Lines of authorized_keys, read and merged as ansible.posix.authorized_key does, to the byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

KEY_TYPES = frozenset((
    "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "ssh-dss", "ssh-rsa", "ssh-xmss@openssh.com",
    "ssh-xmss-cert-v01@openssh.com", "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com",
))  # fmt: skip

Options = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """One line. `data` is the key in base64, or the whole line with its end when `kind` is empty: no key, but kept."""

    data: str
    kind: str = ""
    options: Options = ()
    comment: str = ""
    rank: int = 0

    def same_as(self, other: Key) -> bool:
        """Whether all but the place is equal; of options, only the order of those that differ in name is free."""
        mine, theirs = (_by_name(key.options) for key in (self, other))
        return (self.data, self.kind, self.comment, mine) == (other.data, other.kind, other.comment, theirs)

    def line(self) -> str:
        """The line as it is written."""
        if not self.kind:
            return self.data
        options = ",".join(name if value is None else f"{name}={value}" for name, value in self.options)
        return f"{options}{' ' if options else ''}{self.kind} {self.data} {self.comment}\n"


def _by_name(options: Options) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for name, value in options:
        found.setdefault(name, []).append(value)
    return found


def parse_options(text: str) -> Options:
    """Split at the commas that stand in no quotes."""
    parts = re.findall(r"""(?:[^,"']|"[^"]*"|'[^']*')+""", text)
    pairs = (part.partition("=") for part in parts)
    return tuple((name, value if equals else None) for name, equals, value in pairs)


def parse_key(line: str, rank: int = 0) -> Key | None:
    """The key in `line`, perhaps behind options; None when there is none."""
    words = re.findall(r"[^ \t\r\n]+", line.replace(r"\#", "#"))
    at = next((index for index, word in enumerate(words) if word in KEY_TYPES), None)
    if words[:1] == ["#"] or at is None or at + 1 >= len(words):
        return None
    return Key(words[at + 1], words[at], parse_options(" ".join(words[:at])), " ".join(words[at + 2 :]), rank)


def parse_file(content: str) -> dict[str, Key]:
    """All lines by their key; of equal ones the last counts."""
    lines = content.splitlines(keepends=True)
    keys = (parse_key(line, rank) or Key(line.replace(r"\#", "#"), rank=rank) for rank, line in enumerate(lines))
    return {key.data: key for key in keys}


def merged(content: str, wanted: Iterable[Key], *, present: bool, exclusive: bool) -> str | None:
    """The file's `content` with `wanted` in it, or without them; None when that is how it is already.

    `exclusive` leaves nothing else, comments included.
    """
    keys = parse_file(content)
    last = len(keys)
    changed = False
    wanted = list(wanted)
    for key in wanted:
        known = keys.get(key.data)
        if not present:
            changed |= keys.pop(key.data, None) is not None
        elif known is None or not known.same_as(key):
            keys.pop(key.data, None)
            keys[key.data] = replace(key, rank=last + key.rank)
            changed = True
    if present and exclusive:
        surplus = keys.keys() - {key.data for key in wanted}
        keys = {data: key for data, key in keys.items() if data not in surplus}
        changed |= bool(surplus)
    return _joined(key.line() for key in sorted(keys.values(), key=lambda key: key.rank)) if changed else None


def _joined(lines: Iterable[str]) -> str:
    """`lines` as a file. Only the last may lack its end: Ansible would glue the next to it."""
    *first, last = [*lines] or [""]
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in first) + last
