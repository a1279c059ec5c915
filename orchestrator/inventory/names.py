"""What may be a host's name or address, and how ``host:port`` is taken apart."""

from __future__ import annotations

import ipaddress
import re

# A range stands for a letter or a number, so a name with ranges is judged with each range replaced by one digit. In an
# IPv6 address it stands for a whole group of digits.
_RANGE = re.compile(r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]", re.IGNORECASE)
_GROUP_RANGE = re.compile(r"(?<![^:.])\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\](?![^:.])", re.IGNORECASE)
_LABEL = r"(?=\w)[\w-]*[^\W_]"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_BRACKETED = re.compile(r"\[(.+)\]:([0-9]+)")
_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")
_NAME = re.compile(r"\w[\w.@+-]*")
_ADDRESS = re.compile(r"\w[\w.-]*")
_FOUR_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+){3}", re.ASCII)
_EXPORTER = ":9100"


def split_port(text: str) -> tuple[str, int | None] | None:
    """Take ``web1:22``, ``[2001:db8::1]:22``, ``web[1:3]`` or ``2001:db8::1`` apart into host and port.

    Returns None when `text` is not one host (with ranges, perhaps) by the rules of Ansible's inventory: then it may
    still be a name of another kind, or a list of patterns.
    """
    port = None
    for spelling in (_BRACKETED, _WITH_PORT):
        match = spelling.fullmatch(text)
        if match:
            text, port = match[1], int(match[2])
    if is_ipv6(_GROUP_RANGE.sub("1", text)) or _HOSTNAME.fullmatch(_RANGE.sub("1", text)):
        return text, port
    return None


def is_host_name(text: str) -> bool:
    """True for a name that is safe in a pattern, a file name, a URL and a known_hosts line."""
    return bool(_NAME.fullmatch(text)) or is_ipv6(text)


def is_address(text: str) -> bool:
    """True for a host name, an IPv4 or an IPv6 address (with a zone, perhaps) without a port.

    Four numbers with dots are an IPv4 address or a slip, never a name: no top-level domain is a number (RFC 3696, 2).
    """
    if _FOUR_NUMBERS.fullmatch(text):
        return all(len(part) <= 3 and int(part) < 256 for part in text.split("."))
    return bool(_ADDRESS.fullmatch(text)) or is_ipv6(text.partition("%")[0])


def is_ipv6(text: str) -> bool:
    """True for an IPv6 address without brackets and zone."""
    try:
        return ":" in text and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def without_exporter_port(text: str) -> str:
    """The host of ``10.0.0.1:9100``, ``web1:9100`` or ``[2001:db8::1]:9100``: the old system's way to name a host."""
    if not text.endswith(_EXPORTER) or is_ipv6(text):
        return text
    return text.removesuffix(_EXPORTER).removeprefix("[").removesuffix("]")
