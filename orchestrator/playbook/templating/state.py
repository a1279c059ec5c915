"""One call of the templar while it lasts: which variables, how much is used up, what is being rendered inside what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from jinja2.utils import missing

from orchestrator.inventory.variables import Vaulted, Verbatim
from orchestrator.playbook.templating.bounds import Budget
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.text import NOWHERE, Position, Text

if TYPE_CHECKING:
    from orchestrator.playbook.templating.templar import Templar

_current: ContextVar[Rendering] = ContextVar("rendering")

_DEEPEST = 100


def current() -> Rendering:
    """The call that is under way. Raises LookupError outside of one."""
    return _current.get()


def is_template(text: str) -> bool:
    """Whether Ansible would take `text` for a template."""
    return "{{" in text or "{%" in text or "{#" in text or text.startswith("#jinja2:")


class Embedded(str):
    """A constant inside a template that looks like a template itself: lookups and conditions render it, nothing else.

    ``lookup('file', '{{ folder }}/motd')`` is bad style that Ansible still understands.
    """

    __slots__ = ()


class Rendering:
    """The state of one call of a `Templar`. Nested templates share the budget and the chain of what awaits what."""

    __slots__ = ("budget", "chain", "embedded", "templar", "values")

    def __init__(self, templar: Templar, outer: Rendering | None = None, *, embedded: bool = False) -> None:
        """`embedded` constants are rendered where they stand (conditions do so)."""
        self.templar = templar
        self.budget: Budget = outer.budget if outer else Budget()
        self.chain: list[tuple[int, str, Position]] = outer.chain if outer else []
        self.embedded = embedded
        self.values: dict[str, Any] = {}

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this the current call."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @property
    def at(self) -> Position:
        """Where the innermost template that is being rendered was written."""
        return self.chain[-1][2] if self.chain else NOWHERE

    def variable(self, name: str) -> Any:
        """The value of a variable, rendered; `missing` if there is none. ``vars`` is all of them."""
        found = self.values.get(name, missing)
        if found is missing:
            try:
                raw = self.templar.variables[name]
            except KeyError:
                return LazyDict(self.templar.variables, self, name) if name == "vars" else missing
            found = self.values[name] = self.settled(raw, name)
        return found

    def settled(self, raw: Any, label: str) -> Any:
        """`raw` as templates see it: text rendered, containers ready to render what is in them, secrets decrypted.

        `label` is how messages call it. What cannot be rendered becomes a value that says so when it is used: a
        template may never use it.
        """
        kind = type(raw)
        if kind is str or kind is int or kind is bool or raw is None:
            return raw
        if kind is Text:
            return self.text(raw, label) if is_template(raw) else raw
        if kind is dict:
            return LazyDict(raw, self, label)
        if kind is list or kind is tuple:
            return kind(self.settled(item, label) for item in raw)
        if kind is Vaulted:
            return self._guarded(lambda: self.templar.reveal(raw, label))
        if kind is Verbatim:
            return str.__str__(raw)
        if kind is not LazyDict and isinstance(raw, Mapping) and not getattr(raw, "settled", False):
            return LazyDict(raw, self, label)
        return raw

    def text(self, text: Text, label: str) -> Any:
        """What a template renders to, not yet in its final form. Never raises for what is wrong with the template."""
        return self._guarded(lambda: self.nested(text, label))

    def nested(self, text: Text, label: str) -> Any:
        """What a template renders to. Raises TemplateFault."""
        key = id(text)
        if any(waiting == key for waiting, _, _ in self.chain) or len(self.chain) >= _DEEPEST:
            names = [name for _, name, _ in self.chain if name]
            first = names.index(label) if label in names else 0
            circle = " -> ".join([*names[first:], label])
            raise TemplateFault(f"recursive loop detected in template: {circle}", text.at)
        self.chain.append((key, label, text.at))
        try:
            return self.templar.rendered(self, text)
        finally:
            self.chain.pop()

    def _guarded(self, render: Any) -> Any:
        from orchestrator.playbook.templating.undefined import Broken

        try:
            return render()
        except TemplateFault as fault:
            return Broken.because(fault)


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


_PLAIN = frozenset((str, int, bool, float, type(None)))
