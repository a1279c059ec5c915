"""How templates are compiled to Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.nativetypes import NativeCodeGenerator

from orchestrator.playbook.templating.state import is_template


class Generator(NativeCodeGenerator):
    """Native values, a step counted on each turn of a loop, concatenations measured, embedded templates marked."""

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        values = list(group)
        return repr(values[0] if len(values) == 1 else "".join(map(str, values)))

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802  Jinja2's name
        """A constant; one that looks like a template is marked."""
        value = node.as_const(frame.eval_ctx)
        if type(value) is str and is_template(value):
            self.write(f"environment.embedded({value!r})")
        else:
            self.write(repr(value))

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  Jinja2's name
        """The operator ``~``."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802  Jinja2's name
        """A loop."""
        # Reading the attribute is what counts the step.
        node.body.insert(0, nodes.ExprStmt(nodes.EnvironmentAttribute("step"), lineno=node.lineno))
        super().visit_For(node, frame)
