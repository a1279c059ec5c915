"""Jinja2 as Ansible sets it up: native values, a sandbox, names looked up lazily; and everything measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import jinja2
from jinja2 import nodes
from jinja2.lexer import TOKEN_STRING, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END, TokenStream
from jinja2.runtime import Macro
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import pass_context

from orchestrator.playbook.templating.bounds import check_format, check_method, check_operator, fits
from orchestrator.playbook.templating.codegen import Generator
from orchestrator.playbook.templating.guarded import guarded
from orchestrator.playbook.templating.kinds import OMIT, VIEWS, plain, text_of
from orchestrator.playbook.templating.scope import Scope, ScopeContext, ScopeTemplate
from orchestrator.playbook.templating.state import Embedded, current
from orchestrator.playbook.templating.undefined import Undefined, first_undefined
from orchestrator.playbook.text import Text

_COMPILED = 8192
"""Templates kept compiled: one costs about half a millisecond to compile and some kilobytes to keep."""


class Environment(SandboxedEnvironment):
    """The settings and functions of all templates of a run. Compiled templates are kept, by their text."""

    code_generator_class = Generator
    context_class = ScopeContext
    template_class = ScopeTemplate
    intercepted_binops = frozenset(("+", "-", "*", "**", "%"))

    def __init__(
        self,
        filters: Mapping[str, Callable[..., Any]],
        tests: Mapping[str, Callable[..., Any]],
        functions: Mapping[str, Any],
    ) -> None:
        # Folding constants when compiling would run filters once for all hosts.
        super().__init__(trim_blocks=True, undefined=Undefined, finalize=_unchanged, optimized=False, autoescape=False)
        self.filters = cast("Any", guarded(filters, "filter"))
        self.tests = cast("Any", guarded(tests, "test"))
        self.globals = {**functions, "namespace": self.globals["namespace"], "cycler": self.globals["cycler"]}
        self.globals.update(joiner=jinja2.utils.Joiner, dict=dict)
        self._escaping = False
        self._variants: dict[tuple[tuple[str, Any], ...], Environment] = {}
        self._keep()

    def _keep(self) -> None:
        self.text = lru_cache(_COMPILED)(self._text)
        self.expression = lru_cache(_COMPILED)(self._expression)
        self.file = lru_cache(_COMPILED)(self._file)

    def variant(self, settings: Mapping[str, Any]) -> Environment:
        """This environment with other `settings` of Jinja2 (delimiters, trimming)."""
        key = tuple(sorted(settings.items()))
        if not key:
            return self
        if key not in self._variants:
            other = self.overlay(**settings)
            other._keep()  # noqa: SLF001  own class
            self._variants[key] = other
        return self._variants[key]

    def _text(self, source: str) -> jinja2.Template:
        """`source` from YAML compiled: YAML has dealt with backslashes, Jinja2 must not do so again."""
        self._escaping = True
        try:
            return self.from_string(source)
        finally:
            self._escaping = False

    def _expression(self, source: str) -> jinja2.Template:
        """A bare expression compiled; it leaves its value as ``result``."""
        parser = jinja2.parser.Parser(self, source, state="variable")
        value = parser.parse_expression()
        if not parser.stream.eos:
            raise jinja2.TemplateSyntaxError("there is more after the expression", parser.stream.current.lineno)
        value.set_environment(self)
        return self.from_string(
            nodes.Template([nodes.Assign(nodes.Name("result", "store"), value, lineno=1)], lineno=1)
        )

    def _file(self, source: str, name: str) -> jinja2.Template:
        """The content of a template file called `name`."""
        code = self.compile(source, name=name, filename=name)
        return self.template_class.from_code(self, code, self.globals, None)

    def concerns(self, text: str) -> bool:
        """Whether `text` holds anything to render; Ansible leaves other text alone, line ends included."""
        return any(
            start in text for start in (self.variable_start_string, self.block_start_string, self.comment_start_string)
        )

    def run(self, template: jinja2.Template, scope: Scope) -> Any:
        """What `template` renders to: a native value, None for nothing at all."""
        return self.concat(template.root_render_func(self._context(template, scope)))

    def value(self, expression: jinja2.Template, scope: Scope) -> Any:
        """The value of an expression."""
        context = self._context(expression, scope)
        for _ in expression.root_render_func(context):
            pass
        return context.vars["result"]

    def _context(self, template: jinja2.Template, scope: Scope) -> jinja2.runtime.Context:
        return ScopeContext(self, cast("Any", scope), template.name, template.blocks)

    def scope(self, names: Mapping[str, Any] | None = None) -> Scope:
        """The host's variables and the functions, under `names`."""
        return Scope((names,) if names else (), self.globals, variables=True)

    def _load_template(self, name: str, globals: Any) -> jinja2.Template:  # noqa: A002, ARG002  Jinja2's name
        text, path = current().templar.lookups.template_text(name)
        return self.file(text, path)

    def _tokenize(self, source: str, name: Any, filename: Any = None, state: str | None = None) -> TokenStream:
        if not self._escaping:
            return super()._tokenize(source, name, filename, state)
        tokens = _escaped(self.lexer.tokeniter(source, name, filename, state))
        return TokenStream(self.lexer.wrap(tokens, name, filename), name, filename)

    @property
    def step(self) -> None:
        """Counts a turn of a loop."""
        current().budget.step()

    @staticmethod
    def concat(parts: Iterable[Any]) -> Any:
        """A single part as it is, several as one text; parts that are None are nothing."""
        kept: list[Any] = []
        size = 0
        for part in parts:
            if part is None:
                continue
            size += len(part) if isinstance(part, str) else 1
            fits(size)
            kept.append(part)
        if len(kept) < 2:
            return kept[0] if kept else None
        for place, part in enumerate(kept):
            if type(part) is not str:
                if (lacking := first_undefined(part)) is not None:
                    return lacking
                kept[place] = "" if part is OMIT else text_of(plain(part) if isinstance(part, _CONTAINERS) else part)
        text = "".join(kept)
        fits(len(text))
        return text

    @staticmethod
    def joined(parts: tuple[Any, ...]) -> str:
        """The operator ``~``."""
        texts = [text_of(part) for part in parts]
        fits(sum(map(len, texts)))
        return "".join(texts)

    @staticmethod
    def embedded(constant: str) -> Any:
        """A constant that looks like a template."""
        rendering = current()
        if rendering.embedded:
            return rendering.text(Text(constant, rendering.at), "")
        return Embedded(constant)

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any) -> Any:
        """As Jinja2's, measured."""
        check_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """As Jinja2's; bitwise operators of whole numbers are let through as Ansible does."""
        return (isinstance(obj, int) and attr in _BITWISE) or super().is_safe_attribute(obj, attr, value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: the attribute, else the item, also where the attribute is protected."""
        unsafe = False
        try:
            value = getattr(obj, attribute)
        except AttributeError:
            pass
        else:
            if (formatting := self.wrap_str_format(value)) is not None:
                return formatting
            if self.is_safe_attribute(obj, attribute, value):
                return value
            unsafe = True
        try:
            return obj[attribute]
        except (TypeError, LookupError):
            return self.unsafe_undefined(obj, attribute) if unsafe else self.undefined(obj=obj, name=attribute)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063  as Jinja2's
        """As Jinja2's, measured; undefined arguments make the result undefined."""
        rendering = current()
        rendering.budget.step()
        if not isinstance(__obj, Macro) and not getattr(__obj, "takes_undefined", False):
            lacking = next((value for value in (*args, *kwargs.values()) if isinstance(value, Undefined)), None)
            if lacking is not None:
                return lacking
        check_method(__obj, args)
        # The sandbox puts a function of its own around these two.
        formats = getattr(getattr(__obj, "__wrapped__", None), "__self__", None)
        if isinstance(formats, str):
            check_format(formats)
        result = super().call(__context, __obj, *args, **kwargs)
        if isinstance(result, VIEWS) and not isinstance(result, range):
            return result if getattr(__obj, "keeps_views", False) else list(rendering.budget.counted(result))
        return result


_CONTAINERS = (dict, list, tuple)
_BITWISE = frozenset(("__and__", "__lshift__", "__or__", "__rshift__", "__xor__"))


@pass_context
def _unchanged(_context: Any, value: Any) -> Any:
    """Keeps Jinja2 from evaluating constant expressions when it compiles."""
    return value


def _escaped(tokens: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str, str]]:
    """`tokens` with the backslashes in the strings of ``{{ }}`` doubled."""
    inside = False
    for line, token, value in tokens:
        if token == TOKEN_VARIABLE_BEGIN:
            inside = True
        elif token == TOKEN_VARIABLE_END:
            inside = False
        yield line, token, value.replace("\\", "\\\\") if inside and token == TOKEN_STRING else value
