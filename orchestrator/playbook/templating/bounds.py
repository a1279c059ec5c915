"""How much one call of the templar may do: steps, processor time, size. A template must never hang or fill the memory.

Python cannot be stopped from outside, so there are three nets. Loops, macros and iterators of ours count steps.
Operators and text methods that can make something huge out of something small are measured before they run. What is
left, such as a regular expression that backtracks for ever, is interrupted by a timer of processor time; in the main
thread only, where Python runs the handlers of signals.
"""

from __future__ import annotations

import _weakrefset
import re
import signal
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

STEPS = 2_000_000
SECONDS = 5.0
SIZE = 16 << 20
"""Characters of a text; an element of a list counts as eight."""
BITS = 14_000
"""Of a whole number: Python refuses to spell those of more than 4300 digits (sys.set_int_max_str_digits)."""
_AGAIN_S = 0.001
_CALLBACKS = frozenset({weakref.__file__, _weakrefset.__file__})

T = TypeVar("T")
_WIDE = re.compile(r"%[^a-zA-Z%]*(?:\d{8,}|\*)|:[^{}]*(?:\d{8,}|\{)")


class Exhausted(BaseException):
    """A bound is passed. Not an Exception: no filter or lookup may take it for an error of its own."""


class Budget:
    """What is left of one call's steps."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = STEPS

    def step(self, count: int = 1) -> None:
        """Use up `count` steps. Raises Exhausted."""
        self._left -= count
        if self._left < 0:
            raise Exhausted(f"it takes more than {STEPS} steps; is there a loop without end?")

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """`items`, each of which costs a step, and one more for each part of a pair or a longer group."""
        for item in items:
            self.step(1 + len(item) if isinstance(item, tuple | list) else 1)
            yield item


@contextmanager
def processor_time() -> Iterator[None]:
    """Raise Exhausted when the body takes more than `SECONDS` of processor time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_: int, frame: FrameType | None) -> None:
        if _drops_exceptions(frame):
            signal.setitimer(signal.ITIMER_VIRTUAL, _AGAIN_S)
            return
        raise Exhausted(
            f"it takes more than {SECONDS:g} s; is there a loop without end or a regular expression to blame?"
        )

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _drops_exceptions(frame: FrameType | None) -> bool:
    """Whether this is part of a destructor or the callback of a weak reference: Python ignores what those raise."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code.co_filename in _CALLBACKS:
            return True
        frame = frame.f_back
    return False


def fits(size: int) -> None:
    """Refuse what would be larger than `SIZE`. Raises Exhausted."""
    if size > SIZE:
        raise Exhausted(f"it makes more than {SIZE >> 20} MiB")


def check_operator(operator: str, left: Any, right: Any) -> None:
    """Refuse ``left operator right`` if the result would be huge. Raises Exhausted."""
    if isinstance(left, int) and isinstance(right, int):
        bits = {
            "+": max(left.bit_length(), right.bit_length()) + 1,
            "-": max(left.bit_length(), right.bit_length()) + 1,
            "*": left.bit_length() + right.bit_length(),
            "**": left.bit_length() * max(right, 0) if abs(left) > 1 else 0,
        }.get(operator, 0)
        if bits > BITS:
            raise Exhausted("it makes a number of thousands of digits")
    elif operator == "+" and isinstance(left, _SIZED) and isinstance(right, _SIZED):
        fits(_weight(left) + _weight(right))
    elif operator == "*":
        for sized, times in ((left, right), (right, left)):
            if isinstance(sized, _SIZED) and isinstance(times, int):
                fits(_weight(sized) * times)
    elif operator == "%" and isinstance(left, str):
        check_format(left)


_SIZED = (str, bytes, list, tuple)


def _weight(sized: str | bytes | list[Any] | tuple[Any, ...]) -> int:
    return len(sized) * (8 if isinstance(sized, list | tuple) else 1)


def check_format(text: str) -> None:
    """Refuse a format whose widths are enormous or are taken from its arguments. Raises Exhausted."""
    if _WIDE.search(text):
        raise Exhausted("it formats to an enormous width")


def check_joined(separator: str, pieces: Any) -> None:
    """Refuse joining `pieces` if the text would be huge. Raises Exhausted."""
    if isinstance(pieces, str):
        fits(len(pieces) * (1 + len(separator)))
    elif isinstance(pieces, list | tuple):
        fits(sum(len(piece) if isinstance(piece, str) else 1 for piece in pieces) + len(separator) * len(pieces))


def check_replaced(text: str, old: str, new: str) -> None:
    """Refuse replacing `old` with `new` if the text would be huge. Raises Exhausted."""
    if isinstance(old, str) and isinstance(new, str):
        fits(len(text) + text.count(old) * len(new))


def check_method(method: Any, arguments: Sequence[Any]) -> None:
    """Refuse a call of a method of a text, list or number if the result would be huge. Raises Exhausted."""
    owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
    if isinstance(owner, str | bytes):
        if name in {"center", "ljust", "rjust", "zfill"} and arguments and isinstance(arguments[0], int):
            fits(arguments[0])
        elif name == "expandtabs" and arguments and isinstance(arguments[0], int):
            fits(arguments[0] * len(owner))
        elif name == "replace" and len(arguments) > 1 and isinstance(owner, str):
            check_replaced(owner, arguments[0], arguments[1])
        elif name == "join" and arguments and isinstance(owner, str):
            check_joined(owner, arguments[0])
    elif isinstance(owner, list) and name == "extend" and arguments and isinstance(arguments[0], list):
        fits(_weight(owner) + _weight(arguments[0]))
    elif isinstance(owner, int) and name in {"__lshift__", "to_bytes"}:
        places = next(iter(arguments), 0)
        if isinstance(places, int) and owner.bit_length() + places > BITS:
            raise Exhausted("it makes a number of thousands of digits")


class Span(Sequence[int]):
    """A long ``range``: indexed and measured at once, walked through by steps."""

    def __init__(self, whole: range, budget: Budget) -> None:
        self._whole = whole
        self._budget = budget

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, index: Any) -> Any:
        return self._whole[index]

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and value in self._whole

    def __iter__(self) -> Iterator[int]:
        return self._budget.counted(self._whole)
