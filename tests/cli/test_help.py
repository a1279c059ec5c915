"""What `orchestrator --help` and its like say of each verb."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_group

from orchestrator.cli.main import cli

WIDTH = 80


def groups(of: TyperGroup, path: str = "orchestrator") -> Iterator[tuple[str, TyperGroup]]:
    """A group of verbs and those within it, by how each is called."""
    yield path, of
    for name, command in of.commands.items():
        if isinstance(command, TyperGroup):
            yield from groups(command, f"{path} {name}")


EVERY = dict(groups(get_group(cli)))


@pytest.mark.parametrize("path", EVERY)
def test_a_line_of_help_is_not_cut_off(path: str) -> None:
    group = EVERY[path]
    described = typer.Context(group, info_name=path, terminal_width=WIDTH).get_help().partition("Commands:")[2]
    lines = [line for line in described.splitlines() if line]
    assert len(lines) == len(group.commands), "a verb without a line, or with several"
    assert [line for line in lines if not line.endswith(".")] == []
    assert [line for line in lines if line.endswith("...")] == []
