"""What names mean inside a template: looked up when they are used, never copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import jinja2
from jinja2.environment import TemplateModule
from jinja2.utils import missing

from orchestrator.playbook.templating.state import current


class Scope(Mapping[str, Any]):
    """The names a template sees: its locals, the host's variables, then the functions of the environment."""

    def __init__(self, layers: tuple[Mapping[str, Any], ...], functions: Mapping[str, Any], *, variables: bool) -> None:
        self._layers = layers
        self._functions = functions
        self._variables = variables

    def find(self, name: str) -> Any:
        """The value of `name`, or `missing`."""
        for layer in self._layers:
            if name in layer:
                return layer[name]
        if self._variables and (value := current().variable(name)) is not missing:
            return value
        return self._functions.get(name, missing)

    def inside(self, names: Mapping[str, Any] | None) -> Scope:
        """This scope with more local `names`; those not set yet are left out."""
        known = {name: value for name, value in (names or {}).items() if value is not missing}
        return Scope((known, *self._layers), self._functions, variables=self._variables) if known else self

    def __getitem__(self, name: str) -> Any:
        if (value := self.find(name)) is missing:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not missing

    def __iter__(self) -> Iterator[str]:
        names = {name for layer in self._layers for name in layer}
        return iter(names | set(current().templar.names()) if self._variables else names)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ScopeContext(jinja2.runtime.Context):
    """Jinja2's context over a `Scope` instead of a copied dict."""

    parent: Any

    def resolve_or_missing(self, key: str) -> Any:
        """What `key` means, or `missing`."""
        if key in self.vars:
            return self.vars[key]
        return self.parent.find(key)

    def get_all(self) -> Any:
        """The scope for what this template includes."""
        return self.parent.inside(self.vars)

    def derived(self, locals: dict[str, Any] | None = None) -> jinja2.runtime.Context:  # noqa: A002  Jinja2's name
        """A context for a block of this template."""
        context = ScopeContext(self.environment, self.get_all().inside(locals), self.name, {})
        context.eval_ctx = self.eval_ctx
        context.blocks.update((name, list(block)) for name, block in self.blocks.items())
        return context


class ScopeTemplate(jinja2.Template):
    """A compiled template whose contexts are over a `Scope`."""

    def new_context(
        self,
        vars: Any = None,  # noqa: A002  Jinja2's name
        shared: bool = False,  # noqa: ARG002
        locals: Mapping[str, Any] | None = None,  # noqa: A002
    ) -> jinja2.runtime.Context:
        """A context over the scope `vars`, or, without one, over the functions only: an import."""
        if isinstance(vars, Scope):
            scope = vars
        else:
            scope = Scope((vars,) if vars else (), self.environment.globals, variables=False)
        return ScopeContext(self.environment, cast("Any", scope.inside(locals)), self.name, self.blocks)

    def _get_default_module(self, ctx: Any = None) -> TemplateModule:  # noqa: ARG002  one for each import: hosts differ
        return self.make_module()
