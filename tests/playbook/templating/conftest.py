"""The files that cases look up, and a shorthand for templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.templating import LookupContext, Templar
from orchestrator.playbook.text import Position, Text, trusted

_FILES = {
    "hello.txt": "hello\n",
    "second.txt": "second {{ x }}\n\n",
    "greeting.j2": "Hi {{ who | default('nobody') }} {{ number }}\n",
    "native.j2": "{{ names }}\n",
    "custom.j2": "[% number %] {{ x }}\n",
    "macros.j2": "{% macro double(x) %}{{ x }}{{ x }}{% endmacro %}\n",
    "users.ini": "[production]\nuser=robert\npass=x\n[integration]\nuser = ines\nhost=h\n",
    "user.properties": "user.name=robert\n",
    "elements.csv": "Symbol,Number,Mass\nH,1,1.008\nLi,3,6.94\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files that cases look up."""
    for name, text in _FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def template(text: str) -> Text:
    """`text` as an operator wrote it."""
    return Text(text, Position("play.yml", 7))


def templar(folder: Path | None = None, /, **variables: Any) -> Templar:
    """A templar whose variables were written by an operator."""
    context = LookupContext(search=(folder,), base=folder) if folder else LookupContext()
    return Templar(trusted(variables, Position("vars.yml", 3)), lookups=context)
