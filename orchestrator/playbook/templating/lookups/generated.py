"""Lookups that make something up: sequence, random_choice."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

from orchestrator.playbook.templating.lookups.call import Call, Lookup

_NUMBER = "(0?x?[0-9a-f]+)"
_SHORT = re.compile(f"^({_NUMBER}-)?{_NUMBER}(/{_NUMBER})?(:(.+))?$", re.IGNORECASE)
_FORMAT = re.compile(r"[^%]*%[-+ #0]*\d{0,4}(\.\d{1,4})?[diouxXeEfFgGcs][^%]*")
_DEFAULTS = {"start": 1, "end": None, "count": None, "stride": 1, "format": "%d"}


def sequence(call: Call) -> Iterator[str]:
    """Numbers as text: ``5``, ``2-10/2``, ``4:host%02d``, ``start=1 end=5 stride=2 format=n%d``."""
    options = call.only(**_DEFAULTS)
    for term in call.terms or ([""] if call.options else []):
        if match := _SHORT.match(str(term)):
            _, start, end, _, stride, _, format_ = match.groups()
            given = {"start": start, "end": end, "stride": stride, "format": format_}
            settings = options | {name: value for name, value in given.items() if value is not None}
        else:
            rest, settings = call.inline(str(term), options)
            if rest:
                raise ValueError(f"it does not understand {rest!r}")
        yield from _numbers(settings)


def _numbers(settings: dict[str, Any]) -> Iterator[str]:
    start, end, count, stride = (_whole(settings[name]) for name in ("start", "end", "count", "stride"))
    format_ = settings["format"]
    assert start is not None
    assert stride is not None
    if (count is None) == (end is None):
        raise ValueError("it takes either count or end")
    if count == 0 or stride == 0:
        return
    last = end if count is None else start + count * stride - 1
    assert last is not None
    if stride > 0 and last < start:
        raise ValueError("to count backwards make stride negative")
    if stride < 0 and last > start:
        raise ValueError("to count forward don't make stride negative")
    if format_.count("%") != 1 or not _FORMAT.fullmatch(format_):
        raise ValueError(f"bad formatting string: {format_}")
    for number in range(start, last + (1 if stride > 0 else -1), stride):
        yield format_ % number


def _whole(value: Any) -> int | None:
    """A number as Ansible spells them: decimal, ``0x`` hexadecimal, ``0`` or ``0o`` octal."""
    if value is None or isinstance(value, int):
        return value
    text = str(value).strip().lower()
    return int(text, 8) if re.fullmatch(r"0[0-7]+", text) else int(text, 0)


def random_choice(call: Call) -> list[Any]:
    """One of the terms."""
    return [secrets.choice(call.terms)] if call.terms else []


LOOKUPS: dict[str, Lookup] = {"random_choice": random_choice, "sequence": sequence}
