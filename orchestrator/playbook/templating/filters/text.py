"""Filters on text: regular expressions, quoting, encodings, URLs, comments."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from jinja2.environment import Environment
from jinja2.filters import do_center, do_format, do_indent, do_replace
from jinja2.nodes import EvalContext
from jinja2.utils import pass_environment

from orchestrator.playbook.templating.bounds import SIZE, check_format, check_replaced, fits

_COMMENTS: dict[str, dict[str, str]] = {
    "plain": {"decoration": "# "},
    "erlang": {"decoration": "% "},
    "c": {"decoration": "// "},
    "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
    "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
}
_URL = ("fragment", "hostname", "netloc", "password", "path", "port", "query", "scheme", "username")


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def regex_replace(  # noqa: PLR0917  Ansible's, and all can be given by position
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    """Every match of a Python regular expression replaced."""
    expression, text = re.compile(pattern, _flags(ignorecase, multiline)), str(value)
    if len(replacement) * (len(text) + 1) > SIZE:
        fits(len(text) + len(replacement) * sum(1 for _ in expression.finditer(text)))
    text, found = expression.subn(replacement, text, count=count)
    if mandatory_count and mandatory_count != found:
        raise ValueError(f"{pattern!r} should match {mandatory_count} times, but matches {found} times")
    return text


def regex_findall(value: Any, regex: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    """All matches, or their groups."""
    return re.findall(regex, str(value), _flags(ignorecase, multiline))


def regex_search(value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False) -> Any:
    """The first match, or a list of its `groups` (``'\\\\1'``, ``'\\\\g<name>'``); null if there is none."""
    wanted: list[int | str] = []
    for group in groups:
        if named := re.match(r"\\g<(\S+)>", group):
            wanted.append(named[1])
        elif numbered := re.match(r"\\(\d+)", group):
            wanted.append(int(numbered[1]))
        else:
            raise ValueError("Unknown argument")
    match = re.search(regex, str(value), _flags(ignorecase, multiline))
    if match is None:
        return None
    return [match[group] for group in wanted] if wanted else match[0]


def regex_escape(value: Any, re_type: str = "python") -> str:
    """Text that a regular expression takes literally, in Python's way or as ``posix_basic``."""
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise ValueError(f"Invalid regex type ({re_type})")


def quote(value: Any) -> str:
    """One word for a shell."""
    return shlex.quote("" if value is None else str(value))


def b64encode(value: Any, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    """Base64 of a text."""
    data = str(value).encode(encoding, "surrogateescape")
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()


def b64decode(value: Any, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    """The text that base64 spells."""
    data = str(value).encode("utf-8", "surrogateescape")
    decoded = (base64.urlsafe_b64decode if urlsafe else base64.b64decode)(data)
    return decoded.decode(encoding, "surrogateescape")


def split(value: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
    """A text cut at `sep` or at white space."""
    return value.split(sep, maxsplit)


def comment(text: str, style: str = "plain", **given: Any) -> str:
    """A text as a comment: ``plain``, ``c``, ``cblock``, ``erlang`` or ``xml``, every part adjustable."""
    if style not in _COMMENTS:
        raise ValueError(f"Invalid style {style!r}. Available styles: {', '.join(_COMMENTS)}")
    known = _COMMENTS[style]
    edge = given.get("decoration", known["decoration"]).rstrip()
    parts: dict[str, Any] = {
        "newline": "\n", "beginning": "", "prefix": edge, "prefix_count": 1, "postfix": edge, "postfix_count": 1,
        "end": "", **known, **given,
    }  # fmt: skip
    newline, decoration = parts["newline"], parts["decoration"]
    fits(max(int(parts["prefix_count"]), int(parts["postfix_count"])))
    check_replaced(text, newline, newline + decoration)
    beginning = parts["beginning"] + newline if parts["beginning"] else ""
    prefix = parts["prefix"] + ("" if parts["prefix"] == newline else newline) if parts["prefix"] else ""
    body = (decoration + text.replace(newline, newline + decoration)).replace(
        decoration + newline, decoration.rstrip() + newline
    )
    postfix = (newline + parts["postfix"]) * int(parts["postfix_count"])
    end = newline + parts["end"] if parts["end"] else ""
    return str(beginning + prefix * int(parts["prefix_count"]) + body + postfix + end)


def split_url(value: str, query: str = "") -> Any:
    """The parts of a URL, or the one that is asked for."""
    parsed = urlsplit(value)
    parts = {name: getattr(parsed, name) for name in _URL}
    if not query:
        return parts
    if query not in parts:
        raise ValueError(f"unknown URL component: {query}")
    return parts[query]


def urldecode(value: str, encoding: str = "utf-8", errors: str = "replace") -> str:
    """A text out of a URL."""
    return unquote_plus(value, encoding, errors)


@pass_environment
def replace(environment: Environment, value: Any, old: str, new: str, count: int | None = None) -> Any:
    """As Jinja2's, measured."""
    check_replaced(str(value), str(old), str(new))
    return do_replace(EvalContext(environment), value, old, new, count)


def center(value: str, width: int = 80) -> str:
    """As Jinja2's, measured."""
    fits(width)
    return do_center(value, width)


def indent(value: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """As Jinja2's, measured."""
    each = width if isinstance(width, int) else len(width)
    fits(len(value) + (value.count("\n") + 1) * each)
    return do_indent(value, width, first, blank)


def formatted(value: str, *args: Any, **kwargs: Any) -> str:
    """As Jinja2's, measured."""
    check_format(str(value))
    return do_format(value, *args, **kwargs)


FILTERS: dict[str, Callable[..., Any]] = {
    "b64decode": b64decode,
    "b64encode": b64encode,
    "center": center,
    "comment": comment,
    "format": formatted,
    "indent": indent,
    "quote": quote,
    "regex_escape": regex_escape,
    "regex_findall": regex_findall,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "replace": replace,
    "split": split,
    "urldecode": urldecode,
    "urlsplit": split_url,
}
