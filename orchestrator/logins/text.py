"""Text of strangers made safe to keep: names, addresses, and whole lines."""

from __future__ import annotations

import functools
import ipaddress
import re

LINE = 1000
"""Characters kept of a line for people."""
_FIELD = 400
_LONGEST_NAME = 260  # a host's has 253 characters
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?+", re.ASCII)
_ESCAPE = re.compile(r"\\(?:(\\)|([0-3][0-7]{2}))")


def safe(text: str, limit: int = _FIELD) -> str:
    """`text` on one line of at most `limit` printable characters; a cut shows as ``…``.

    What is not printable, and could redraw a terminal or turn the reading direction, is replaced by ``�``, not
    dropped: that it was there is evidence.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " if letter == "\t" else "\ufffd" for letter in text)


def unescaped(text: str, times: int) -> str:
    """`text` as it was before sshd escaped it `times` times with strnvis(3): ``\\303\\251`` is ``é``.

    sshd escapes what it logs, and what its unprivileged part relays through it (``[preauth]``) once more.
    """
    for _ in range(times):
        if "\\" not in text or not text.isascii():  # what sshd escaped is ASCII
            break
        text = _ESCAPE.sub(_unescape, text).encode("latin-1").decode("utf-8", "replace")
    return text


def _unescape(found: re.Match[str]) -> str:
    return "\\" if found[1] else chr(int(found[2], 8))


def address(text: str) -> str:
    """A peer as `ipaddress` spells it, IPv4 in IPv6 unwrapped; a host name in small letters; ``""`` for all else.

    ``[::ffff:192.0.2.7]`` is ``192.0.2.7``; ``fe80::1%eth0`` keeps its zone; ``UNKNOWN`` is nothing.
    """
    return _spelled(text) if len(text) <= _LONGEST_NAME else ""


@functools.lru_cache(maxsize=4096)
def _spelled(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        looks_numeric = bare.replace(".", "").isdigit()
        known = bare != "UNKNOWN" and not looks_numeric and _HOST_NAME.fullmatch(bare) is not None
        return bare.lower() if known else ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not (found.scope_id or "x").isprintable() or len(bare) > 80:
            return ""
    return str(found)
