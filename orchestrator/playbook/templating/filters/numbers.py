"""Filters on numbers, sizes, truth, time and chance."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

_UNITS = {unit: 1 << (10 * power) for power, unit in enumerate("BKMGTPEZY")}
_NAMES = {
    "B": "byte", "K": "kilo", "M": "mega", "G": "giga", "T": "tera", "P": "peta", "E": "exa", "Z": "zetta", "Y": "yotta"
}  # fmt: skip


def to_bool(value: Any) -> bool:
    """True for ``yes``, ``on``, ``true``, ``1`` in any case, false for everything else."""
    word = value.lower() if isinstance(value, str) else str(value).lower() if isinstance(value, int) else value
    return bool(word in ("yes", "on", "true", "1") or word == 1)


def logarithm(x: Any, base: float = math.e) -> float:
    """The logarithm, natural by default."""
    try:
        return math.log10(x) if base == 10 else math.log(x, base)
    except TypeError:
        raise TypeError("log() can only be used on numbers") from None


def power(x: Any, y: Any) -> float:
    """`x` to the power of `y`."""
    try:
        return math.pow(x, y)
    except TypeError:
        raise TypeError("pow() can only be used on numbers") from None


def root(x: Any, base: float = 2) -> float:
    """The root, square by default."""
    try:
        return math.sqrt(x) if base == 2 else math.pow(x, 1.0 / float(base))
    except (TypeError, ValueError):
        raise TypeError("root() can only be used on numbers") from None


def human_readable(size: Any, isbits: bool = False, unit: str | None = None) -> str:
    """A number of bytes as ``1.00 GB``."""
    name = "bits" if isbits else "Bytes"
    if unit is None:
        letter = next((letter for letter in reversed(_UNITS) if size >= _UNITS[letter]), "B")
    else:
        letter = unit.upper() if unit.upper() in _UNITS else "B"
    return f"{size / _UNITS[letter]:.2f} {name if letter == 'B' else letter + name[0]}"


def human_to_bytes(size: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """The number that ``2K`` or ``1.5 GB`` spells."""
    match = re.search(r"^([0-9]*\.?[0-9]+)(?:\s*([A-Za-z]+))?\s*$", str(size))
    if match is None:
        raise ValueError(f"it can't interpret {str(size)!r}")
    unit = match[2] or default_unit
    if unit is None:
        return round(float(match[1]))
    letter = unit[0].upper()
    if letter not in _UNITS:
        raise ValueError(f"the unit of {str(size)!r} must be one of {', '.join(_UNITS)}")
    if len(unit) > 1 and not _is_unit(unit, letter, isbits):
        raise ValueError(f"{unit!r} is no unit of {'bits' if isbits else 'bytes'}")
    return round(float(match[1]) * _UNITS[letter])


def _is_unit(unit: str, letter: str, isbits: bool) -> bool:
    noun, short = ("bit", "b") if isbits else ("byte", "B")
    long = noun if letter == "B" else {"Z": "zetta", "Y": "yotta"}.get(letter, _NAMES[letter]) + noun
    return unit.lower() == long or unit == (short if letter == "B" else letter + short)


def rand(end: Any, start: Any = None, step: Any = None, seed: Any = None) -> Any:
    """A random item of a list, or number below `end`; the same for the same `seed`."""
    chance = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311  repeatable by design
    if isinstance(end, int):
        return chance.randrange(start or 0, end, step or 1)
    if not hasattr(end, "__iter__"):
        raise TypeError("random can only be used on sequences and integers")
    if start or step:
        raise TypeError("start and step can only be used with integer values")
    return chance.choice(end if isinstance(end, Sequence) else list(end))


def shuffle(items: Any, seed: Any = None) -> Any:
    """A list in random order; the same for the same `seed`."""
    try:
        shuffled = list(items)
    except TypeError:
        return items
    (random.Random(seed) if seed else random.SystemRandom()).shuffle(shuffled)  # noqa: S311  as above
    return shuffled


def to_datetime(text: str, format: str = "%Y-%m-%d %H:%M:%S") -> datetime:  # noqa: A002  Ansible's name
    """The moment that a text spells."""
    return datetime.strptime(text, format)  # noqa: DTZ007  Ansible gives it without a zone


def strftime(string_format: str, second: Any = None, utc: bool = False) -> str:
    """A moment in seconds since 1970, or now, as text."""
    moment = None if second is None else float(second)
    return time.strftime(string_format, (time.gmtime if utc else time.localtime)(moment))


FILTERS: dict[str, Callable[..., Any]] = {
    "bool": to_bool,
    "human_readable": human_readable,
    "human_to_bytes": human_to_bytes,
    "log": logarithm,
    "pow": power,
    "random": rand,
    "root": root,
    "shuffle": shuffle,
    "strftime": strftime,
    "to_datetime": to_datetime,
}
