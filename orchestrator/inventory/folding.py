"""Names in short: ``web1 web2 web3 web7`` is ``web[1-3,7]``, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

_DIGITS = re.compile(r"[0-9]+")
_PIECE = re.compile(r"[^\s,\[\]]*\[[^\[\]]*\][^\s,\[\]]*|[^\s,\[\]]+")
_FOLDED = re.compile(r"([^\[\]]*)\[([^\[\]]*)\]([^\[\]]*)")
_SPAN = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_MAX_SPAN = 100_000

_Around = tuple[str, str]


def fold(names: Iterable[str]) -> str:
    """Spell names in short, zero padding kept.

    A name is folded along the one of its numbers that it shares with most other names. Pieces stand in the order in
    which they were first met, numbers in a piece in ascending order.

    >>> fold(["web1", "web2", "db1", "web7"])
    'web[1-2,7] db1'
    """
    unique = list(dict.fromkeys(names))
    shared = Counter(around for name in unique for around, _ in _numbers(name))
    pieces: dict[_Around | str, list[str]] = {}
    for name in unique:
        # The last number wins a tie: in rack1-web2 it is the host that is counted, not the rack.
        candidates = list(_numbers(name))[::-1]
        around, number = max(candidates, key=lambda each: shared[each[0]], default=(name, ""))
        pieces.setdefault(around, []).append(number)
    return " ".join(_piece(around, numbers) for around, numbers in pieces.items())


def unfold(text: str) -> tuple[str, ...]:
    """Give back the names that `fold` was given, in the order of the folded spelling.

    Raises ValueError when `text` is not a folded spelling.

    >>> unfold("web[08-10] db1")
    ('web08', 'web09', 'web10', 'db1')
    """
    if _PIECE.sub("", text).strip(", \t\n"):
        raise ValueError(f"not a folded list of names: {text!r}")
    return tuple(dict.fromkeys(name for piece in _PIECE.findall(text) for name in _names(piece)))


def _numbers(name: str) -> Iterator[tuple[_Around, str]]:
    """Each number of a name with what stands before and after it."""
    for match in _DIGITS.finditer(name):
        yield (name[: match.start()], name[match.end() :]), match[0]


def _piece(around: _Around | str, numbers: list[str]) -> str:
    if isinstance(around, str):
        return around
    head, tail = around
    if len(numbers) == 1:
        return f"{head}{numbers[0]}{tail}"
    spans = (first if first == last else f"{first}-{last}" for first, last in _spans(numbers))
    return f"{head}[{','.join(spans)}]{tail}"


def _spans(numbers: list[str]) -> Iterator[tuple[str, str]]:
    """Runs of numbers that follow one another and are padded alike, as (first, last)."""
    first = last = ""
    for number in sorted(numbers, key=lambda text: (int(text), len(text))):
        if first and number == str(int(last) + 1).zfill(len(first)):
            last = number
            continue
        if first:
            yield first, last
        first = last = number
    yield first, last


def _names(piece: str) -> Iterator[str]:
    folded = _FOLDED.fullmatch(piece)
    if not folded:
        yield piece
        return
    head, spans, tail = folded.groups()
    for text in spans.split(","):
        span = _SPAN.fullmatch(text)
        if not span:
            raise ValueError(f"not a number or a span of numbers: {text!r} in {piece!r}")
        first, last = span[1], span[2] or span[1]
        if int(last) - int(first) >= _MAX_SPAN:
            raise ValueError(f"{text} in {piece!r} means more than {_MAX_SPAN:,} names")
        for number in range(int(first), int(last) + 1):
            yield f"{head}{str(number).zfill(len(first))}{tail}"
