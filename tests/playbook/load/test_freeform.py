"""Judged by Ansible: arguments in one line are taken apart alike, and so is nonsense."""

from __future__ import annotations

from importlib import import_module
from random import Random
from typing import Any

import pytest

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load.freeform import COMMAND_OPTIONS, parse
from orchestrator.playbook.text import Text

_PIECES = (
    "a", "b=", "=", " ", "  ", "\n", '"', "'", "{{", "}}", "{%", "%}", "{#", "#}", "\\", "\\n", "\\=", "creates=", "x",
    "/tmp/y", '\\"', " | ", "$x", "\\x41", "=c", " \\ ", " \\\n", "\t", "chdir=/", "é", "\\u00e9",
)  # fmt: skip


@pytest.mark.parametrize("command", [False, True])
def test_takes_lines_apart_as_ansible_does(command: bool) -> None:
    random = Random(7)
    for _ in range(5_000):
        line = "".join(random.choice(_PIECES) for _ in range(random.randint(0, 9)))

        assert _ours(line, command) == _theirs(line, command), line


def _ours(line: str, command: bool) -> Any:
    try:
        pairs, rest = parse(Text(line), COMMAND_OPTIONS if command else None)
    except PlaybookError:
        return None
    return {name: str(value) for name, value in pairs.items()}, rest


def _theirs(line: str, command: bool) -> Any:
    errors: Any = import_module("ansible.errors")
    try:
        found = dict(import_module("ansible.parsing.splitter").parse_kv(line, check_raw=command))
    except errors.AnsibleParserError:
        return None
    rest = found.pop("_raw_params", None)
    return {str(name): str(value) for name, value in found.items()}, rest
