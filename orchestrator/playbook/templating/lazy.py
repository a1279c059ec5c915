"""Mappings whose values are rendered when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.playbook.templating.state import Rendering

_PLAIN = frozenset((str, int, bool, float, type(None)))


class LazyDict(dict[Any, Any]):
    """A mapping from variables whose values are rendered when they are looked at, each once.

    A copy: what a template does to it stays inside the template.
    """

    __slots__ = ("_label", "_pending", "_rendering")

    def __init__(self, raw: Mapping[Any, Any], rendering: Rendering, label: str) -> None:
        super().__init__(raw)
        self._label = label
        self._rendering = rendering
        self._pending = {key for key, value in super().items() if type(value) not in _PLAIN}

    def _settle(self, key: Any) -> None:
        if key in self._pending:
            label = f"{self._label}.{key}"
            value = self._rendering.settled(super().__getitem__(key), label)
            super().__setitem__(key, value)
            self._pending.discard(key)

    def _settle_all(self) -> None:
        for key in tuple(self._pending):
            self._settle(key)

    def __getitem__(self, key: Any) -> Any:
        if self._pending and key in self:
            self._settle(key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """As of a dict."""
        return self[key] if key in self else default  # noqa: SIM401  it is what get means here

    def __setitem__(self, key: Any, value: Any) -> None:
        self._pending.discard(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._pending.discard(key)
        super().__delitem__(key)

    def __iter__(self) -> Iterator[Any]:
        # Overridden so that dict(self) and {**self} go through __getitem__ and see rendered values.
        return super().__iter__()

    def items(self) -> Any:
        """As of a dict."""
        self._settle_all()
        return super().items()

    def values(self) -> Any:
        """As of a dict."""
        self._settle_all()
        return super().values()

    def pop(self, key: Any, *default: Any) -> Any:
        """As of a dict."""
        self._settle_all()
        return super().pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """As of a dict."""
        self._settle_all()
        return super().popitem()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """As of a dict."""
        self._settle_all()
        return super().setdefault(key, default)

    def update(self, *others: Any, **more: Any) -> None:
        """As of a dict."""
        self._settle_all()
        super().update(*others, **more)

    def copy(self) -> dict[Any, Any]:
        """As of a dict."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __eq__(self, other: object) -> bool:
        self._settle_all()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self.copy())

    __str__ = __repr__
