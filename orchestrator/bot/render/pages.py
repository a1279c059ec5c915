"""Long lists as pages that turn in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from orchestrator.bot.message import Button

T = TypeVar("T")


class Page(Generic[T]):
    """`shown`, page number `number` (from 0) of `items` at `size` a page; where there are fewer pages, the last one."""

    def __init__(self, items: Sequence[T], number: int, size: int) -> None:
        self._pages = max(1, -(-len(items) // size))
        self.number = min(max(number, 0), self._pages - 1)
        self.shown = items[self.number * size : (self.number + 1) * size]

    def buttons(self, verb: str, args: Mapping[str, str]) -> tuple[Button, ...]:
        """``[◂ 1/3] [3/3 ▸]``, as far as there are such pages; `verb` gets `args` and ``page``."""
        sides = ((self.number - 1, "◂ {}"), (self.number + 1, "{} ▸"))
        return tuple(
            Button(label.format(f"{number + 1}/{self._pages}"), verb, {**args, "page": str(number)})
            for number, label in sides
            if 0 <= number < self._pages
        )
