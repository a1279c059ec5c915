"""The table of docs/playbooks/conformance.md: `python -m tests.conformance.table` prints it."""

from __future__ import annotations

from orchestrator.playbook.load.keywords import KEYWORDS
from tests.conformance.coverage import covered

_SHOWN = 6
"""So many cases are named in a row; more make it no clearer."""


def table() -> str:
    """Keywords, then modules, each with cases that use it."""
    rows = covered()
    keywords = [name for name in rows if name in KEYWORDS or "." not in name]
    modules = [name for name in rows if name not in keywords]
    return "\n\n".join((_part("Keyword", keywords, rows), _part("Module", modules, rows)))


def _part(heading: str, names: list[str], rows: dict[str, list[str]]) -> str:
    lines = [f"| {heading} | Cases |", "|---|---|"]
    for name in names:
        cases = rows[name]
        more = f" and {len(cases) - _SHOWN} more" if len(cases) > _SHOWN else ""
        lines.append(f"| `{name}` | {', '.join(cases[:_SHOWN])}{more} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
