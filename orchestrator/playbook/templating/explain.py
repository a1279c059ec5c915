"""Whatever goes wrong while something is rendered, said in one line with its place."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

import jinja2

from orchestrator.errors import OrchestratorError
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.undefined import Used
from orchestrator.playbook.text import Position

T = TypeVar("T")


def explained(work: Callable[[], T], at: Position) -> T:
    """What `work` returns; whatever goes wrong in it becomes a TemplateFault that says where."""
    try:
        return work()
    except TemplateFault as fault:
        if fault.at.file or not at.file:
            raise
        raise type(fault)(fault.msg, at) from fault
    except Used as used:
        lacking = used.value.fault()
        raise (lacking if lacking.at.file else type(lacking)(lacking.msg, at)) from None
    except jinja2.TemplateSyntaxError as error:
        line = Position(error.name, error.lineno) if error.name else at
        raise TemplateFault(f"syntax error in template: {_line(error.message or error)}", line) from error
    except jinja2.TemplateNotFound as error:
        raise TemplateFault(f"there is no template {error.name!r}", at) from error
    except jinja2.TemplateError as error:
        raise TemplateFault(_line(error), _line_of(error, at)) from error
    except MemoryError as error:
        raise TemplateFault("it takes too much memory", at) from error
    except (RecursionError, SyntaxError) as error:
        raise TemplateFault("the template is nested too deeply or calls itself without end", at) from error
    except OrchestratorError as error:
        raise TemplateFault(_line(error), at) from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise TemplateFault(f"{_line(error) or type(error).__name__}", _line_of(error, at)) from error


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _line_of(error: BaseException, at: Position) -> Position:
    """The line in a template file where `error` came up."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None and template.name:
            return Position(template.name, template.get_corresponding_lineno(frame.f_lineno))
    return at
