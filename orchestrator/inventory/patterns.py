"""Host patterns with Ansible's meaning ("Patterns: targeting hosts and groups" in its guide; inventory/manager.py)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from orchestrator.errors import UnknownHost, UsageError
from orchestrator.inventory.names import split_port

_SUBSCRIPT = re.compile(r"(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]")
_COLON_SEPARATED = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_GLOB = (".", "?", "*", "[")


class NoMatch(LookupError):
    """Part of a pattern names neither a host nor a group; the part is the argument."""


def split(pattern: str) -> list[str]:
    """The parts of a pattern: at commas if any, else at colons unless it is one host (``::1``, ``web[1:3]``).

    Raises UsageError for brackets that do not match.
    """
    if "," in pattern:
        parts = pattern.split(",")
    elif split_port(pattern) is not None:
        parts = [pattern]
    else:
        parts = _COLON_SEPARATED.findall(pattern)
        if _COLON_SEPARATED.sub("", pattern).strip(": \t\n"):
            # Ansible drops a lone bracket in silence, and web[ would mean all of web.
            raise UsageError(f"the brackets in {pattern} do not match", remedy="Close each [ with a ].")
    return [part.strip() for part in parts if part.strip()]


class Patterns:
    """Answers patterns over fixed groups and hosts, all by name.

    `groups` maps each group to its hosts, in Ansible's order of both. `otherwise` is asked for names that Ansible would
    not know; what it returns counts as a match.
    """

    def __init__(
        self,
        groups: Mapping[str, tuple[str, ...]],
        hosts: Iterable[str],
        otherwise: Callable[[str], tuple[str, ...]] = lambda _: (),
    ) -> None:
        self._groups = groups
        self._hosts = dict.fromkeys(hosts)
        self._otherwise = otherwise

    def select(self, pattern: str) -> list[str]:
        """Names of the hosts that a pattern means, each once, in Ansible's order; perhaps none.

        Plain parts are joined first, then all ``&`` parts intersect, then all ``!`` parts exclude; with only such
        parts one starts from all hosts. Raises `NoMatch` for a part that names nothing, UnknownHost for a position
        beyond the hosts there are, and UsageError for a pattern that is empty or malformed.
        """
        parts = split(pattern)
        if not parts:
            raise UsageError("no hosts are named", remedy="Name a host, a group, or all.")
        plain = [part for part in parts if part[0] not in "&!"]
        chosen = dict.fromkeys(name for part in plain or ["all"] for name in self._part(part))
        for part in (part for part in parts if part[0] == "&"):
            also = set(self._part(part[1:]))
            chosen = dict.fromkeys(name for name in chosen if name in also)
        for part in (part for part in parts if part[0] == "!"):
            without = set(self._part(part[1:]))
            chosen = dict.fromkeys(name for name in chosen if name not in without)
        return list(chosen)

    def _part(self, part: str) -> list[str]:
        if part in self._hosts:
            return [part]
        expression, subscript = _split_subscript(part)
        found = list(self._matches(expression)) if expression else []
        if not found and expression not in self._groups:
            found = list(self._otherwise(part))
            if not found and expression != "all":
                raise NoMatch(part)
            return found
        try:
            return subscript(found)
        except IndexError as error:
            raise UnknownHost(f"{part} is beyond the {len(found)} hosts of {expression}") from error

    def _matches(self, expression: str) -> Iterator[str]:
        """Hosts of all groups that match, then, unless a plain name was a group's, hosts that match themselves.

        A host may come more than once: Ansible applies subscripts before it removes doubles.
        """
        matches = _matcher(expression)
        groups = [name for name in self._groups if matches(name)]
        for name in groups:
            yield from self._groups[name]
        if not groups or expression[0] == "~" or any(sign in expression for sign in _GLOB):
            yield from (name for name in self._hosts if matches(name))


def _matcher(expression: str) -> Callable[[str], object]:
    if expression == "~":
        raise UsageError("~ without a regular expression", remedy="Write one after it, or say all.")
    regex = expression[1:] if expression[0] == "~" else fnmatch.translate(expression)
    try:
        return re.compile(regex).match
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{expression} is not a regular expression: {error}") from error


def _split_subscript(part: str) -> tuple[str, Callable[[list[str]], list[str]]]:
    """The expression, and what its subscript takes of the hosts found (``[0]``, ``[-1]``, ``[1:3]``, ``[1:]``)."""
    match = None if part.startswith("~") else _SUBSCRIPT.fullmatch(part)
    if not match:
        return part, lambda found: found
    expression, index, first, sign, last = match.groups()
    if sign == "-":
        # Ansible has removed this spelling, yet counts positions with it where it reads like names.
        what = f"{part} may mean hosts by name or by position"
        raise UsageError(
            what, remedy=f"Write {expression}[{first}:{last}] for positions, counted from 0, or list the names."
        )
    # Ansible reads [2:0] as [2]: it takes the end of 0 for none.
    if index is not None or (last and int(last) == 0):
        at = int(index if index is not None else first)
        return expression, lambda found: [found[at]] if found else []
    start, end = int(first), int(last) + 1 if last else None
    return expression, lambda found: found[start:end]
