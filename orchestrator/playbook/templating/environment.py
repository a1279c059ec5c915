"""Jinja2 as Ansible sets it up: native values, a sandbox, names looked up lazily; and everything measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import jinja2
import yaml
from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.environment import TemplateModule
from jinja2.lexer import TOKEN_STRING, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END, TokenStream
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Macro
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing, pass_context

from orchestrator.playbook.templating.bounds import check_format, check_method, check_operator, fits
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.kinds import OMIT, VIEWS, plain, text_of
from orchestrator.playbook.templating.state import Embedded, current, is_template
from orchestrator.playbook.templating.undefined import Undefined, Used, first_undefined
from orchestrator.playbook.text import Text

_COMPILED = 8192
"""Templates kept compiled: one costs about half a millisecond to compile and some kilobytes to keep."""


class _CodeGenerator(NativeCodeGenerator):
    """Native values, a step counted on each turn of a loop, concatenations measured, embedded templates marked."""

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        values = list(group)
        return repr(values[0] if len(values) == 1 else "".join(map(str, values)))

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802  Jinja2's name
        value = node.as_const(frame.eval_ctx)
        if type(value) is str and is_template(value):
            self.write(f"environment.embedded({value!r})")
        else:
            self.write(repr(value))

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  Jinja2's name
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802  Jinja2's name
        # Reading the attribute is what counts the step.
        node.body.insert(0, nodes.ExprStmt(nodes.EnvironmentAttribute("step"), lineno=node.lineno))
        super().visit_For(node, frame)


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


class _Context(jinja2.runtime.Context):
    """Jinja2's context over a `Scope` instead of a copied dict."""

    parent: Any

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        return self.parent.find(key)

    def get_all(self) -> Any:
        return self.parent.inside(self.vars)

    def derived(self, locals: dict[str, Any] | None = None) -> jinja2.runtime.Context:  # noqa: A002  Jinja2's name
        context = _Context(self.environment, self.get_all().inside(locals), self.name, {})
        context.eval_ctx = self.eval_ctx
        context.blocks.update((name, list(block)) for name, block in self.blocks.items())
        return context


class _Template(jinja2.Template):
    """A compiled template whose contexts are over a `Scope`."""

    def new_context(
        self,
        vars: Any = None,  # noqa: A002  Jinja2's name
        shared: bool = False,  # noqa: ARG002
        locals: Mapping[str, Any] | None = None,  # noqa: A002
    ) -> jinja2.runtime.Context:
        if isinstance(vars, Scope):
            scope = vars
        else:
            scope = Scope((vars,) if vars else (), self.environment.globals, variables=False)
        return _Context(self.environment, cast("Any", scope.inside(locals)), self.name, self.blocks)

    def _get_default_module(self, ctx: Any = None) -> TemplateModule:  # noqa: ARG002  one for each import: hosts differ
        return self.make_module()


class Environment(SandboxedEnvironment):
    """The settings and functions of all templates of a run. Compiled templates are kept, by their text."""

    code_generator_class = _CodeGenerator
    context_class = _Context
    template_class = _Template
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(
        self,
        filters: Mapping[str, Callable[..., Any]],
        tests: Mapping[str, Callable[..., Any]],
        functions: Mapping[str, Any],
    ) -> None:
        # Folding constants when compiling would run filters once for all hosts.
        super().__init__(trim_blocks=True, undefined=Undefined, finalize=_unchanged, optimized=False, autoescape=False)
        self.filters = cast("Any", _guarded(filters, "filter"))
        self.tests = cast("Any", _guarded(tests, "test"))
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
        return _Context(self, cast("Any", scope), template.name, template.blocks)

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


def _guarded(functions: Mapping[str, Callable[..., Any]], kind: str) -> dict[str, Callable[..., Any]]:
    """The functions under their short and full names, wrapped so that what goes wrong in them has a name."""
    guarded = {name: _guard(name, function, kind) for name, function in functions.items()}
    return guarded | {f"ansible.builtin.{name}": function for name, function in guarded.items()}


def _guard(name: str, function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    takes_undefined = getattr(function, "takes_undefined", False)
    is_filter = kind == "filter"

    def call(*args: Any, **kwargs: Any) -> Any:
        if not takes_undefined:
            for value in (*args, *kwargs.values()):
                if isinstance(value, Undefined):
                    return value
        try:
            result = function(*args, **kwargs)
            if is_filter and isinstance(result, VIEWS):
                return list(current().budget.counted(result))
        except Used as used:
            return used.value
        except TemplateFault:
            raise
        except (jinja2.TemplateError, *_WRONG) as error:
            if (lacking := first_undefined(*args, *kwargs.values())) is not None:
                return lacking
            raise TemplateFault(f"the {kind} {name!r} failed: {_words(error)}", current().at) from error
        if isinstance(result, str):
            fits(len(result))
        return result if is_filter or isinstance(result, Undefined) else bool(result)

    passed = getattr(function, "jinja_pass_arg", None)
    if passed is not None:
        call.jinja_pass_arg = passed  # type: ignore[attr-defined]  # Jinja2's mark of what takes the context
    return call


_WRONG = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError, MemoryError, re.error,
    yaml.YAMLError,
)  # fmt: skip


def _words(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    text = " ".join(str(error).split())
    return text or type(error).__name__


__all__ = ["OMIT", "Environment", "Scope"]
