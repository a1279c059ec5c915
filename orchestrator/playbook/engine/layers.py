"""Several mappings seen as one: the first that has a name gives its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Layers(Mapping[str, Any]):
    """A read-only view of `mappings`, the strongest first. Nothing is copied: later changes of theirs show.

    Mappings that are empty now are left out for speed, so they must not be filled while the view lives.
    """

    __slots__ = ("_mappings",)

    def __init__(self, *mappings: Mapping[str, Any]) -> None:
        self._mappings = tuple(mapping for mapping in mappings if mapping)

    def __getitem__(self, name: str) -> Any:
        for mapping in self._mappings:
            if name in mapping:
                return mapping[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in mapping for mapping in self._mappings)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for mapping in reversed(self._mappings) for name in mapping))

    def __len__(self) -> int:
        return len(set().union(*self._mappings))

    def over(self, stronger: Mapping[str, Any]) -> Layers:
        """The same with `stronger` on top."""
        return Layers(stronger, *self._mappings)
