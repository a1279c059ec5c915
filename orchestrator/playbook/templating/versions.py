"""The test ``version``: version numbers compared loosely, strictly or by the rules of semver.org and PEP 440."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "=": operator.eq, "eq": operator.eq,
    "!=": operator.ne, "<>": operator.ne, "ne": operator.ne,
    "<": operator.lt, "lt": operator.lt, "<=": operator.le, "le": operator.le,
    ">": operator.gt, "gt": operator.gt, ">=": operator.ge, "ge": operator.ge,
}  # fmt: skip
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_STRICT = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?")
_PEP440 = re.compile(
    r"v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|beta|preview|pre|a|b|c|rc)[-_.]?(\d*))?"
    r"(?:(?:-(\d+))|(?:[-_.]?(?:post|rev|r)[-_.]?(\d*)))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_FIRST, _LAST = (-1,), (2,)


def compare(
    value: Any, version: Any, operator: str = "eq", strict: bool | None = None, version_type: str | None = None
) -> bool:
    """Whether version `value` stands in the relation `operator` (``>=``, ``lt``, ...) to `version`.

    `version_type` is ``loose`` (the default), ``strict``, ``semver`` or ``pep440``. Raises ValueError.
    """
    if strict is not None and version_type is not None:
        raise ValueError("Cannot specify both 'strict' and 'version_type'")
    if not value:
        raise ValueError("Input version value cannot be empty")
    if not version:
        raise ValueError("Version parameter to compare against cannot be empty")
    read = _TYPES.get("strict" if strict else version_type or "loose")
    if read is None:
        raise ValueError(f"Invalid version type ({version_type}). Must be one of {', '.join(_TYPES)}")
    if operator not in _OPERATORS:
        raise ValueError(f"Invalid operator type ({operator}). Must be one of {', '.join(_OPERATORS)}")
    try:
        return bool(_OPERATORS[operator](read(str(value)), read(str(version))))
    except TypeError:
        raise ValueError(f"versions {value!r} and {version!r} cannot be compared") from None


def _loose(text: str) -> Any:
    """Numbers and words, as they come."""
    return [int(part) if part.isdigit() else part for part in re.findall(r"\d+|[a-z]+|[^\d.a-z]+", text)]


def _strict(text: str) -> Any:
    match = _STRICT.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid version number {text!r}")
    major, minor, patch, stage, number = match.groups()
    return int(major), int(minor), int(patch or 0), (stage, int(number)) if stage else ("c", 0)


def _semantic(text: str) -> Any:
    match = _SEMVER.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid semantic version {text!r}")
    major, minor, patch, early = match.groups()
    # A number sorts before a word, a release after all of its early versions (semver.org 11).
    stage = (
        [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in early.split(".")] if early else [(2, 0, "")]
    )
    return int(major), int(minor), int(patch), stage


def _pep440(text: str) -> Any:
    match = _PEP440.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"invalid version {text!r}")
    epoch, release, stage, number, short_post, post, dev, dev_number, local = match.groups()
    numbers = [int(part) for part in release.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    posted = post is not None or short_post is not None
    early: tuple[int, ...] = _LAST
    if stage:
        early = (0, {"alpha": 0, "a": 0, "beta": 1, "b": 1}.get(stage, 2), int(number or 0))
    elif dev and not posted:
        early = _FIRST
    return (
        int(epoch or 0),
        numbers,
        early,
        int(short_post or post or 0) if posted else -1,
        int(dev_number or 0) if dev else float("inf"),
        [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"[-_.]", local)] if local else [],
    )


_TYPES: dict[str, Callable[[str], Any]] = {
    "loose": _loose, "strict": _strict, "semver": _semantic, "semantic": _semantic, "pep440": _pep440
}  # fmt: skip
