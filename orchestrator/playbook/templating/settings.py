"""Jinja2's settings as the template module and the first line ``#jinja2: name: value, ...`` of a template give them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from orchestrator.playbook.templating.fault import TemplateFault

_HEADER = "#jinja2:"
_STARTS = ("block_start_string", "variable_start_string", "comment_start_string")
_TEXTS = frozenset((*_STARTS, "block_end_string", "variable_end_string", "comment_end_string"))
_PREFIXES = frozenset(("line_statement_prefix", "line_comment_prefix"))
_FLAGS = frozenset(("trim_blocks", "lstrip_blocks", "keep_trailing_newline"))
_NEWLINES = ("\n", "\r\n", "\r")
_USUAL = {"block_start_string": "{%", "variable_start_string": "{{", "comment_start_string": "{#"}


def first_line(text: str) -> tuple[dict[str, Any], str]:
    """The settings in the first line of `text`, and the rest of it. Raises TemplateFault."""
    if not text.startswith(_HEADER):
        return {}, text
    line, newline, rest = text[len(_HEADER) :].partition("\n")
    if not newline:
        raise TemplateFault(f"a line is missing after {_HEADER}")
    settings = {}
    for pair in line.split(","):
        name, colon, value = pair.partition(":")
        if not colon:
            raise TemplateFault(f"{_HEADER} {pair.strip()!r} is no setting")
        try:
            settings[name.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            raise TemplateFault(f"{_HEADER} {value.strip()!r} is no value") from None
    return settings, rest


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` that are given at all, each of its type. Raises TemplateFault."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name, value in given.items():
        if name in _FLAGS:
            good = isinstance(value, bool)
        elif name == "newline_sequence":
            good = value in _NEWLINES
        elif name in _TEXTS | _PREFIXES:
            good = isinstance(value, str) and bool(value)
        else:
            raise TemplateFault(f"Jinja2 has no setting {name!r}")
        if not good:
            raise TemplateFault(f"{name} cannot be {value!r}")
    if len({given.get(name, usual) for name, usual in _USUAL.items()}) < len(_USUAL):
        raise TemplateFault("block, variable and comment must start differently")
    return given
