"""What is wrong with a template can mostly be seen before it is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache

import jinja2
from jinja2 import nodes

from orchestrator.playbook.templating.environment import Environment
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.filters import FILTERS
from orchestrator.playbook.templating.functions import FUNCTIONS, lookup_name
from orchestrator.playbook.templating.lookups import LOOKUPS
from orchestrator.playbook.templating.state import is_template
from orchestrator.playbook.templating.tests import TESTS
from orchestrator.playbook.text import Position, Text

# Filters whose first argument names a test or a filter, and where it stands.
_NAMED = {
    "map": ("filter", 0),
    "select": ("test", 0),
    "reject": ("test", 0),
    "selectattr": ("test", 1),
    "rejectattr": ("test", 1),
}


def check_syntax(text: Text, *, expression: bool = False) -> list[TemplateFault]:
    """Everything wrong with a template, or a bare `expression`, that shows without variables.

    Syntax errors, and filters, tests and lookups that do not exist here, each with a near miss.
    """
    if not (expression or is_template(text)):
        return []
    if not text.strip():
        return [TemplateFault("an expression must not be empty", text.at, remedy="Remove it, or write true or false.")]
    environment = _environment()
    try:
        if expression and not is_template(text):
            parser = jinja2.parser.Parser(environment, str(text), state="variable")
            # Within something else, as what is looked for may be the whole expression.
            tree: nodes.Node = nodes.Output([parser.parse_expression()])
            if not parser.stream.eos:
                raise jinja2.TemplateSyntaxError("there is more after the expression", parser.stream.current.lineno)
        else:
            tree = environment.parse(str(text))
    except jinja2.TemplateSyntaxError as error:
        return [TemplateFault(f"syntax error in template: {error.message}", text.at)]
    except (RecursionError, MemoryError):
        return [TemplateFault("the template is nested too deeply", text.at)]
    return [_unknown(kind, name, text.at) for kind, name in _names(tree) if name not in _known(kind)]


def check_file(text: str, name: str) -> list[TemplateFault]:
    """The same for the content of a template file with the usual delimiters."""
    environment = _environment()
    try:
        tree = environment.parse(text.partition("\n")[2] if text.startswith("#jinja2:") else text)
    except jinja2.TemplateSyntaxError as error:
        return [TemplateFault(f"syntax error in template: {error.message}", Position(name, error.lineno))]
    except (RecursionError, MemoryError):
        return [TemplateFault("the template is nested too deeply", Position(name, 1))]
    return [_unknown(kind, name_, Position(name, 1)) for kind, name_ in _names(tree) if name_ not in _known(kind)]


@cache
def _environment() -> Environment:
    return Environment(FILTERS, TESTS, FUNCTIONS)


@cache
def _known(kind: str) -> frozenset[str]:
    names = {"filter": FILTERS, "test": TESTS, "lookup": LOOKUPS}[kind]
    return frozenset(names) | {f"ansible.builtin.{name}" for name in names}


def _names(tree: nodes.Node) -> Iterator[tuple[str, str]]:
    """Kind and name of each filter, test and lookup that `tree` uses."""
    for node in tree.find_all((nodes.Filter, nodes.Test, nodes.Call)):
        if isinstance(node, nodes.Filter):
            yield "filter", node.name
            kind, place = _NAMED.get(node.name.removeprefix("ansible.builtin."), ("", 0))
            if kind and len(node.args) > place:
                yield from _constant(kind, node.args[place])
        elif isinstance(node, nodes.Test):
            yield "test", node.name
        elif isinstance(node, nodes.Call) and node.args and _is_lookup(node.node):
            yield from (("lookup", lookup_name(name)) for _, name in _constant("lookup", node.args[0]))


def _is_lookup(function: nodes.Node) -> bool:
    return isinstance(function, nodes.Name) and function.name in {"lookup", "query", "q"}


def _constant(kind: str, node: nodes.Expr) -> Iterator[tuple[str, str]]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield kind, node.value


def _unknown(kind: str, name: str, at: Position) -> TemplateFault:
    near = get_close_matches(name.rpartition(".")[2], _known(kind), n=1, cutoff=0.65)
    return TemplateFault(
        f"the {kind} {name!r} is not supported here", at, remedy=f"Nearest: {near[0]!r}" if near else ""
    )
