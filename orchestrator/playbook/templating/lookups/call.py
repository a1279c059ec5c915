"""What a lookup is given."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.playbook.templating.search import LookupContext
from orchestrator.playbook.templating.state import Rendering

_TRUE = frozenset(("y", "yes", "on", "1", "true", "t"))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a lookup: its `terms` and `options`; for a task's ``with_...`` `loop` is where its files would be."""

    rendering: Rendering
    terms: list[Any]
    options: Mapping[str, Any]
    loop: str = ""

    @property
    def files(self) -> LookupContext:
        """Where files are."""
        return self.rendering.templar.lookups

    def only(self, **defaults: Any) -> dict[str, Any]:
        """The options with `defaults`. Raises ValueError for one that the lookup does not have."""
        if unknown := set(self.options) - set(defaults):
            raise ValueError(f"it has no option {', '.join(sorted(unknown))}; only {', '.join(defaults) or 'none'}")
        return {name: self.options.get(name, default) for name, default in defaults.items()}

    def inline(self, term: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """A term such as ``name file=x.ini section=a`` taken apart: its words, and `options` with those given in it."""
        words, given = [], dict(options)
        for word in shlex.split(term, posix=True):
            name, equals, value = word.partition("=")
            if equals and name in options:
                given[name] = value
            else:
                words.append(word)
        return " ".join(words), given


Lookup = Callable[[Call], Iterable[Any]]


def flag(value: Any) -> bool:
    """An option that is true or false, also as a word."""
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE
