"""Host ranges as Ansible writes them: ``web[01:20:2]``, ``db-[a:f]``, several in one name."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Sequence

from orchestrator.inventory.names import split_port

MAX_HOSTS = 100_000
"""Hosts in one inventory. Anything beyond is a slip of the finger (``web[1:1000000]``), not a fleet."""

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[0-9]{1,18}")


def expand(text: str) -> tuple[list[str], int | None]:
    """Names and port of an inventory's host entry.

    Raises ValueError with a sentence saying what is wrong with a range. The rules are those of Ansible's inventory
    ("Adding ranges of hosts" in its inventory guide); a range that names no host is an error here.

    >>> expand("web[08:10]:2222")
    (['web08', 'web09', 'web10'], 2222)
    """
    name, port = split_port(text) or (text, None)
    pieces = _RANGE.split(name)
    # re.split alternates what stands between the ranges (even) with the ranges (odd).
    choices: list[Sequence[str]] = [[piece] if at % 2 == 0 else _members(piece) for at, piece in enumerate(pieces)]
    size = 1
    for choice in choices:
        size *= len(choice)
    if size > MAX_HOSTS:
        raise ValueError(f"{text} means {size:,} hosts, more than {MAX_HOSTS:,}")
    return ["".join(parts) for parts in itertools.product(*choices)], port


def _members(bounds: str) -> Sequence[str]:
    first, *rest = bounds.split(":")
    if len(rest) not in (1, 2) or not rest[0]:
        raise ValueError(f"[{bounds}] is not a range: write [first:last] or [first:last:step]")
    last = rest[0]
    step = rest[1] if len(rest) == 2 else "1"
    if not (_NUMBER.fullmatch(step) and int(step)):
        raise ValueError(f"[{bounds}] has the step {step!r}, which is not a number above 0")
    members = _letters(first, last, int(step)) or _numbers(bounds, first or "0", last, int(step))
    if not members:
        raise ValueError(f"[{bounds}] ends before it begins")
    return members


def _letters(first: str, last: str, step: int) -> Sequence[str]:
    """Members of a range of letters, a to Z in ASCII's two cases one after the other; none when it is not one."""
    order = string.ascii_letters
    if len(first) != 1 or len(last) != 1 or first not in order or last not in order:
        return ()
    return order[order.index(first) : order.index(last) + 1 : step]


def _numbers(bounds: str, first: str, last: str, step: int) -> Sequence[str]:
    if not (_NUMBER.fullmatch(first) and _NUMBER.fullmatch(last)):
        if len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
            return ()
        raise ValueError(f"[{bounds}] goes neither from a number to a number nor from a letter to a letter")
    padded = first.startswith("0") and len(first) > 1
    if padded and len(first) != len(last):
        raise ValueError(f"[{bounds}] pads its ends differently: write both with as many digits")
    width = len(first) if padded else 0
    size = (int(last) - int(first)) // step + 1
    if size > MAX_HOSTS:
        raise ValueError(f"[{bounds}] means {size:,} hosts, more than {MAX_HOSTS:,}")
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
