"""The lists in docs/playbooks/templating.md are those of the code; run as a program to write them anew."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from orchestrator.playbook.templating.filters import FILTERS
from orchestrator.playbook.templating.lookups import LOOKUPS
from orchestrator.playbook.templating.tests import TESTS

_PAGE = Path(__file__).parents[3] / "docs/playbooks/templating.md"
_STANDARD = {
    "combinations": "All combinations of so many items.",
    "permutations": "All arrangements of so many items.",
    "product": "Every combination of an item of each list.",
    "zip": "Lists side by side, as long as the shortest.",
    "zip_longest": "Lists side by side, filled up.",
    "abs": "The path is absolute.",
    "all": "Every item is true.",
    "any": "One item is true.",
    "directory": "The path is a folder.",
    "exists": "The path exists.",
    "file": "The path is a file.",
    "link": "The path is a symbolic link.",
    "link_exists": "The path exists, perhaps as a broken link.",
    "mount": "Something is mounted on the path.",
    "same_file": "Both paths lead to the same file.",
}


def _table(functions: Mapping[str, Callable[..., Any]], builtin: Mapping[str, Any]) -> str:
    """Names of one function in one row, with the first line of its docstring; Jinja2's own are listed by name."""
    rows: dict[str, list[str]] = {}
    for name in sorted(functions):
        if functions[name] is not builtin.get(name):
            rows.setdefault(_line(name, functions), []).append(name)
    own = [name for name in sorted(functions) if functions[name] is builtin.get(name) and name.isidentifier()]
    lines = ["| name | what it gives |", "|---|---|"]
    lines += [
        f"| {', '.join(f'`{name}`' for name in names)} | {line.replace('|', chr(92) + '|')} |"
        for line, names in rows.items()
    ]
    if own:
        lines += ["", "Jinja2's own: " + ", ".join(f"`{name}`" for name in own) + "."]
    return "\n".join(lines)


def _line(name: str, functions: Mapping[str, Callable[..., Any]]) -> str:
    for known in (name, name.removeprefix("is_").replace("dir", "directory")):
        if known in _STANDARD and functions[name] is functions[known]:
            return _STANDARD[known]
    line = (inspect.getdoc(functions[name]) or "").splitlines()[0]
    return re.sub(r"``?([^`]+)``?", r"`\1`", line)


def _written() -> str:
    """The page with its lists written anew."""
    page = _PAGE.read_text(encoding="utf-8")
    for kind, functions, builtin in (
        ("filters", FILTERS, JINJA_FILTERS),
        ("tests", TESTS, JINJA_TESTS),
        ("lookups", LOOKUPS, {}),
    ):
        marks = f"<!-- {kind} -->\n", f"\n<!-- end of {kind} -->"
        before, _, rest = page.partition(marks[0])
        _, _, after = rest.partition(marks[1])
        page = before + marks[0] + _table(functions, builtin) + marks[1] + after
    return page


def test_the_page_lists_what_there_is() -> None:
    assert _PAGE.read_text(encoding="utf-8") == _written(), f"python -m {__name__} writes the lists anew"


if __name__ == "__main__":
    _PAGE.write_text(_written(), encoding="utf-8")
