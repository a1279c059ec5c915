"""Filters and tests wrapped: undefined values pass through, and what goes wrong in one has its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import yaml

from orchestrator.playbook.templating.bounds import fits
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.kinds import VIEWS
from orchestrator.playbook.templating.state import current
from orchestrator.playbook.templating.undefined import Undefined, Used, first_undefined


def guarded(functions: Mapping[str, Callable[..., Any]], kind: str) -> dict[str, Callable[..., Any]]:
    """The functions wrapped, under their short and full names; `kind` is ``filter`` or ``test``."""
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
