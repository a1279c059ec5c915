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
from orchestrator.playbook.templating.lazy import LazyDict
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
