"""How sshd writes what strangers said: strnvis(3) with VIS_SAFE | VIS_OCTAL (log.c of OpenSSH)."""

from __future__ import annotations


def vis(text: str) -> str:
    """`text` in ASCII: a backslash doubled, what is not plain as three octal digits a byte."""
    printed = []
    for byte in text.encode():
        letter = chr(byte)
        plain = 0x20 <= byte < 0x7F or letter in "\b\a\r\t"
        printed.append("\\\\" if letter == "\\" else letter if plain else f"\\{byte:03o}")
    return "".join(printed)
