"""The manual's tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.playbook.load.keywords import KEYWORDS, Keyword, Level
from orchestrator.playbook.load.tasks import METAS
from orchestrator.playbook.templating.lookups import LOOKUPS

_PAGE = (Path(__file__).parents[3] / "docs" / "playbooks" / "language.md").read_text()


def test_tells_every_keyword_and_where_it_stands() -> None:
    rows = [f"| `{word.name}` | {_levels(word)} | {word.about} |" for word in KEYWORDS.values() if word.about]

    assert re.findall(r"^\| `.*$", _section("## Keywords", "`with_NAME`"), re.MULTILINE) == rows


def test_tells_every_keyword_that_is_refused_and_what_to_do() -> None:
    rows = []
    for word in KEYWORDS.values():
        if not word.about:
            accepted = [f"`{value}`" for value in word.only or () if value]
            also = f" Accepted: {', '.join(accepted)}." if accepted else ""
            rows.append(f"| `{word.name}` | {_levels(word)} | {word.remedy}{also} |")

    assert re.findall(r"^\| `.*$", _section("known and refused", "## Files"), re.MULTILINE) == rows


def test_tells_every_loop_and_every_meta() -> None:
    assert set(re.findall(r"`with_([a-z_]+)`", _PAGE)) == set(LOOKUPS)
    said = _section("`meta` can be asked for", "\n\n")
    assert set(re.findall(r"`([a-z_]+)`", said)) - {"meta"} == METAS


def _levels(word: Keyword) -> str:
    return ", ".join(level for level in Level if level in word.levels)


def _section(start: str, end: str) -> str:
    return _PAGE.partition(start)[2].partition(end)[0]
