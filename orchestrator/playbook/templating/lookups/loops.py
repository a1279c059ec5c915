"""Lookups made for loops: items, list, dict, indexed_items, nested, together, subelements."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.playbook.templating.lookups.call import Call, Lookup, flag


def _flat(terms: Iterable[Any]) -> list[Any]:
    """Lists one level down opened."""
    flat: list[Any] = []
    for term in terms:
        flat.extend(term if isinstance(term, list | tuple) else [term])
    return flat


def items(call: Call) -> list[Any]:
    """The items, lists in them opened one level."""
    return _flat(call.terms)


def list_(call: Call) -> list[Any]:
    """The items as they are."""
    return call.terms


def dict_(call: Call) -> Iterator[dict[str, Any]]:
    """A mapping's ``key`` and ``value`` pairs."""
    for term in call.terms:
        if not isinstance(term, Mapping):
            raise TypeError(f"it expects a mapping, not {type(term).__name__}")
        yield from ({"key": key, "value": value} for key, value in term.items())


def indexed_items(call: Call) -> list[tuple[int, Any]]:
    """Items with their numbers, from 0."""
    return list(enumerate(_flat(call.terms)))


def nested(call: Call) -> Iterator[list[Any]]:
    """Every combination of an item of each list."""
    if not call.terms:
        raise ValueError("it requires at least one list")
    first, *others = call.terms
    for combination in itertools.product(first, *others):
        yield _flat(combination)


def together(call: Call) -> Iterator[list[Any]]:
    """The first items of all lists, the second ones, and so on; null where a list is shorter."""
    if not call.terms:
        raise ValueError("it requires at least one list")
    for group in itertools.zip_longest(*call.terms):
        yield _flat(group)


def subelements(call: Call) -> Iterator[tuple[Any, Any]]:
    """Each mapping paired with each item of the list at a dotted path in it."""
    if (
        not 2 <= len(call.terms) <= 3
        or not isinstance(call.terms[0], list | dict)
        or not isinstance(call.terms[1], str)
    ):
        raise ValueError("it expects a list or mapping, a path, and perhaps {skip_missing: true}")
    elements, path, flags = (*call.terms, {})[:3]
    if not isinstance(flags, Mapping):
        raise TypeError("the third item must be a mapping such as {skip_missing: true}")
    skip_missing = flag(flags.get("skip_missing", False))
    if isinstance(elements, dict):
        if elements.get("skipped", False) is not False:
            return
        elements = list(elements.values())
    for element in elements:
        if not isinstance(element, Mapping):
            raise TypeError(f"it expects mappings, not {type(element).__name__}")
        if element.get("skipped", False) is not False:
            continue
        rest, inner = _without(element, path.split("."), skip_missing)
        yield from ((rest, item) for item in inner)


def _without(element: Mapping[str, Any], path: list[str], skip_missing: bool) -> tuple[dict[str, Any], list[Any]]:
    """The element without the list at `path`, and that list."""
    key, *more = path
    rest = dict(element)
    if key not in rest:
        if skip_missing:
            return rest, []
        raise LookupError(f"could not find {key!r} key in an item")
    wanted, noun = (Mapping, "mapping") if more else (list, "list")
    if not isinstance(rest[key], wanted):
        if more and skip_missing:
            return rest, []
        raise TypeError(f"the key {key} should point to a {noun}")
    if not more:
        return rest, rest.pop(key)
    rest[key], inner = _without(rest[key], more, skip_missing)
    return rest, inner


LOOKUPS: dict[str, Lookup] = {
    "dict": dict_,
    "indexed_items": indexed_items,
    "items": items,
    "list": list_,
    "nested": nested,
    "subelements": subelements,
    "together": together,
}
