"""Keywords as they are on one host, rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.inventory.variables import Vaulted
from orchestrator.playbook.templating import OMIT, Templar
from orchestrator.playbook.text import Position, Text

_TRUE = frozenset(("y", "yes", "on", "1", "true", "t", "1.0"))
_FALSE = frozenset(("n", "no", "off", "0", "false", "f", "0.0"))


class Reading:
    """Keywords of what stands at `at`, rendered by `templar`. Raises UsageError for values that cannot be meant."""

    def __init__(self, templar: Templar, at: Position) -> None:
        self._templar = templar
        self._at = at

    def rendered(self, value: Any) -> Any:
        """`value` rendered where it is a template; None for what is omitted."""
        if isinstance(value, Text | Vaulted):
            value = self._templar.render(value, self._at)
        return None if value is OMIT else value

    def flag(self, value: Any, name: str, default: bool = False) -> bool:
        """`value` as yes or no, with Ansible's words for them."""
        value = self.rendered(value)
        if value is None:
            return default
        word = str(value).strip().lower()
        if word not in _TRUE | _FALSE:
            raise _wrong(name, value, "yes or no", self._at)
        return word in _TRUE

    def number(self, value: Any, name: str, default: float) -> float:
        """`value` as a number."""
        value = self.rendered(value)
        if value is None:
            return default
        try:
            return float(value)
        except (TypeError, ValueError):
            raise _wrong(name, value, "a number", self._at) from None

    def texts(self, values: Iterable[Any]) -> tuple[str, ...]:
        """`values` rendered and flattened: one of them may be a template that gives a list."""
        found: list[str] = []
        for value in map(self.rendered, values):
            if isinstance(value, list | tuple):
                found.extend(map(str, value))
            elif value is not None:
                found.append(str(value))
        return tuple(found)

    def environment(self, levels: Iterable[Any]) -> dict[str, str]:
        """What is exported, the inner levels last."""
        merged: dict[str, str] = {}
        for level in levels:
            rendered = self._templar.render(level, self._at)
            for each in rendered if isinstance(rendered, list) else (rendered,):
                if each is None or each is OMIT:
                    continue
                if not isinstance(each, Mapping):
                    raise _wrong("environment", each, "a mapping of names to values", self._at)
                merged |= {str(name): str(value) for name, value in each.items() if value is not OMIT}
        return merged


def _wrong(name: str, value: Any, wanted: str, at: Position) -> UsageError:
    return UsageError(f"{name} must be {wanted}, not {value!r}", where=str(at))
