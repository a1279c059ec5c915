"""Filters on lists and mappings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jinja2.environment import Environment
from jinja2.filters import do_batch, do_unique, sync_do_groupby, sync_do_join, sync_do_slice
from jinja2.nodes import EvalContext
from jinja2.utils import pass_environment

from orchestrator.playbook.templating.bounds import check_joined, fits

_MERGES = frozenset(("replace", "keep", "append", "prepend", "append_rp", "prepend_rp"))


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> Any:
    """Mappings merged; later ones win. `recursive` merges mappings inside, `list_merge` says what becomes of lists."""
    mappings = flatten(terms, levels=1)
    if list_merge not in _MERGES:
        raise ValueError(f"list_merge must be one of {', '.join(sorted(_MERGES))}")
    for mapping in mappings:
        if len(mappings) > 1 and not isinstance(mapping, Mapping):
            raise TypeError(f"it takes mappings, not {type(mapping).__name__}")
    result: Any = mappings[0] if mappings else {}
    for mapping in mappings[1:]:
        result = _merged(result, mapping, recursive, list_merge)
    return result


def _merged(low: Mapping[Any, Any], high: Mapping[Any, Any], recursive: bool, list_merge: str) -> dict[Any, Any]:
    merged = dict(low)
    for key, new in high.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            merged[key] = _merged(old, new, recursive, list_merge) if recursive else new
        elif isinstance(old, list) and isinstance(new, list):
            merged[key] = _merged_lists(old, new, list_merge)
        else:
            merged[key] = new
    return merged


def _merged_lists(old: list[Any], new: list[Any], how: str) -> list[Any]:
    if how == "replace":
        return new
    if how == "append":
        return old + new
    if how == "prepend":
        return new + old
    rest = [item for item in old if item not in new]
    return {"append_rp": rest + new, "prepend_rp": new + rest}.get(how, old)


def dict2items(mapping: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    """A mapping as a list of ``{key: ..., value: ...}``."""
    if not isinstance(mapping, Mapping):
        raise TypeError(f"it takes a mapping, not {type(mapping).__name__}")
    return [{key_name: key, value_name: value} for key, value in mapping.items()]


def items2dict(items: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    """The reverse of dict2items."""
    if not _is_sequence(items):
        raise TypeError(f"it takes a list, not {type(items).__name__}")
    try:
        return {item[key_name]: item[value_name] for item in items}
    except (KeyError, TypeError):
        raise TypeError(f"every item must be a mapping with {key_name!r} and {value_name!r}") from None


def flatten(items: Iterable[Any], levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    """Lists in lists made one list, `levels` deep or wholly; nulls are dropped."""
    flat: list[Any] = []
    for item in items:
        if skip_nulls and (item is None or (isinstance(item, str) and item in {"None", "null"})):
            continue
        if _is_sequence(item) and (levels is None or int(levels) >= 1):
            flat.extend(flatten(item, None if levels is None else int(levels) - 1, skip_nulls))
        else:
            flat.append(item)
    return flat


def subelements(obj: Any, subelements: Any, skip_missing: bool = False) -> list[tuple[Any, Any]]:
    """Each element paired with each item of the list that a dotted path leads to in it."""
    if not isinstance(obj, dict | list):
        raise TypeError("it takes a list of mappings or a mapping of mappings")
    if not isinstance(subelements, str | list):
        raise TypeError("the path must be text or a list")
    path = subelements.split(".") if isinstance(subelements, str) else subelements
    pairs: list[tuple[Any, Any]] = []
    for element in obj.values() if isinstance(obj, dict) else obj:
        values = element
        for key in path:
            try:
                values = values[key]
            except KeyError:
                if not skip_missing:
                    raise ValueError(f"could not find {key!r} key in an item") from None
                values = []
                break
            except TypeError:
                raise TypeError(f"the key {key!r} should point to a mapping") from None
        if not isinstance(values, list):
            raise TypeError(f"the key {path[-1]!r} should point to a list")
        pairs.extend((element, value) for value in values)
    return pairs


@pass_environment
def extract(environment: Environment, item: Any, container: Any, morekeys: Any = None) -> Any:
    """``container[item]``, and on along `morekeys`."""
    more = morekeys if isinstance(morekeys, list) else [] if morekeys is None else [morekeys]
    value = container
    for key in [item, *more]:
        value = environment.getitem(value, key)
    return value


def rekey_on_member(data: Any, key: str, duplicates: str = "error") -> dict[Any, Any]:
    """Mappings by the value of their `key`."""
    if duplicates not in {"error", "overwrite"}:
        raise ValueError("duplicates must be error or overwrite")
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise TypeError("it takes a list or a mapping")
    keyed: dict[Any, Any] = {}
    for item in data.values() if isinstance(data, Mapping) else data:
        if not isinstance(item, Mapping):
            raise TypeError("every item must be a mapping")
        if key not in item:
            raise LookupError(f"Key {key!r} was not found.")
        if keyed.get(item[key]) and duplicates == "error":
            raise ValueError(f"Key {item[key]!r} is not unique, cannot convert to dict.")
        keyed[item[key]] = item
    return keyed


@pass_environment
def unique(
    environment: Environment, items: Any, case_sensitive: bool | None = None, attribute: Any = None
) -> list[Any]:
    """Items without repetitions; texts that differ only in case count as the same unless `case_sensitive`."""
    try:
        return list(do_unique(environment, items, case_sensitive=bool(case_sensitive), attribute=attribute))
    except TypeError:
        if case_sensitive is False or attribute:
            raise
        return _distinct(items)


def _distinct(items: Iterable[Any]) -> list[Any]:
    """In order of first appearance; lists and mappings too."""
    items = list(items)
    try:
        return list(dict.fromkeys(items))
    except TypeError:
        kept: list[Any] = []
        for item in items:
            if item not in kept:
                kept.append(item)
        return kept


def _pool(items: Iterable[Any]) -> Any:
    items = list(items)
    try:
        return set(items)
    except TypeError:
        return items


def union(a: Any, b: Any) -> list[Any]:
    """What is in either list."""
    return _distinct([*a, *b])


def intersect(a: Any, b: Any) -> list[Any]:
    """What is in both lists."""
    pool = _pool(b)
    return _distinct([item for item in a if _is_in(item, pool)])


def difference(a: Any, b: Any) -> list[Any]:
    """What is in the first list only."""
    pool = _pool(b)
    return _distinct([item for item in a if not _is_in(item, pool)])


def symmetric_difference(a: Any, b: Any) -> list[Any]:
    """What is in one list only."""
    return [*difference(a, b), *difference(b, a)]


def _is_in(item: Any, pool: Any) -> bool:
    try:
        return item in pool
    except TypeError:  # a list or mapping cannot be in a set
        return False


class Group(NamedTuple):
    """What groupby gives: a pair whose parts have names."""

    grouper: Any
    list: list[Any]

    def __repr__(self) -> str:
        return tuple.__repr__(self)


@pass_environment
def groupby(*args: Any, **kwargs: Any) -> list[Group]:
    """Items grouped by an attribute: pairs of its value and the items."""
    return [Group(group.grouper, group.list) for group in sync_do_groupby(*args, **kwargs)]


@pass_environment
def join(environment: Environment, value: Any, d: str = "", attribute: Any = None) -> Any:
    """As Jinja2's, measured."""
    check_joined(str(d), value)
    return sync_do_join(EvalContext(environment), value, d, attribute)


def batch(value: Any, linecount: int, fill_with: Any = None) -> Any:
    """As Jinja2's, measured."""
    if fill_with is not None:
        fits(linecount)
    return do_batch(value, linecount, fill_with)


def slice_(value: Any, slices: int, fill_with: Any = None) -> Any:
    """As Jinja2's, measured."""
    fits(slices)
    return sync_do_slice(value, slices, fill_with)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple)


FILTERS: dict[str, Callable[..., Any]] = {
    "batch": batch,
    "combinations": itertools.combinations,
    "combine": combine,
    "dict2items": dict2items,
    "difference": difference,
    "extract": extract,
    "flatten": flatten,
    "groupby": groupby,
    "intersect": intersect,
    "items2dict": items2dict,
    "join": join,
    "permutations": itertools.permutations,
    "product": itertools.product,
    "rekey_on_member": rekey_on_member,
    "slice": slice_,
    "subelements": subelements,
    "symmetric_difference": symmetric_difference,
    "union": union,
    "unique": unique,
    "zip": zip,
    "zip_longest": itertools.zip_longest,
}
