"""What a host prints, made safe to show.

A host's output is written by whoever controls the host. Escape sequences can redraw a terminal, bidirectional controls
can make one command read as another (CVE-2021-42574), and lone surrogates cannot be sent at all.
"""

from __future__ import annotations

import re

# ECMA-48: CSI, then the string controls (OSC, DCS, SOS, PM, APC) up to their terminator, then two-character escapes.
# A string control without a terminator ends with its line, so that one stray byte cannot swallow the rest.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_BREAKS = re.compile(r"(?<!\r)\r+\n|[\r\v\f\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """`text` without escape sequences, control and bidirectional characters; line breaks become ``\\n``, tabs stay.

    A lone carriage return is a line break, so what it would have overwritten stays visible. Idempotent and linear.
    """
    text = _LINE_BREAKS.sub("\n", _ESCAPES.sub("", text))
    return _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", text))


def clean_line(text: str, limit: int = 200) -> str:
    """`text` cleaned onto one line of at most `limit` characters; a cut shows as ``…``."""
    line = _SPACES.sub(" ", clean(text[: limit * 8])).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
