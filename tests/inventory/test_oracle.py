"""Judged by Ansible: hosts, their order, groups, variables and patterns agree on generated inventories."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import UnknownHost
from orchestrator.inventory import Inventory, load
from orchestrator.inventory.patterns import split
from tests.inventory.generate import Generator
from tests.inventory.oracle import Answer, Oracle, clean_environment

SEEDS = range(250)
PATTERNS = 30
_PROGRAMS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    judge = Oracle(tmp_path_factory.mktemp("home"))
    yield judge
    judge.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_agrees_with_ansible(seed: int, tmp_path: Path, oracle: Oracle) -> None:
    generator = Generator(seed)
    folder = tmp_path / f"inventory{seed}"
    generator.write(folder)
    patterns = generator.patterns(PATTERNS)
    # Ansible only warns of a part that names nothing; to know which do, each is asked by itself.
    parts = sorted({part.lstrip("!&") for asked in patterns for text in asked if text for part in split(text)})
    answer = oracle.ask(folder, [*patterns, *((part, None) for part in parts)])
    inventory = load(folder)

    assert list(inventory.groups) == list(answer.groups)
    for name, group in inventory.groups.items():
        assert list(group.children) == answer.children[name]
        assert sorted(group.hosts.names) == sorted(answer.groups[name])
        if name not in answer.unordered:
            assert list(group.hosts.names) == answer.groups[name], name
    assert sorted(inventory.hosts.names) == sorted(answer.host_vars)
    for host in inventory.hosts:
        assert list(host.groups) == answer.group_names[host.name]
        assert dict(host.vars) == answer.host_vars[host.name], host.name

    empty = {part for part, names in zip(parts, answer.selected[len(patterns) :], strict=True) if not names}
    for (pattern, limit), names in zip(patterns, answer.selected, strict=False):
        _compare(inventory, answer, (pattern, limit), names, empty)


def _compare(
    inventory: Inventory, answer: Answer, asked: tuple[str, str | None], names: list[str] | None, empty: set[str]
) -> None:
    pattern, limit = asked
    # Subscripts count along an order that Ansible itself does not fix in such inventories.
    by_chance = bool(answer.unordered) and "[" in pattern + (limit or "")
    try:
        ours = list(inventory.select(pattern, limit=limit).names)
    except UnknownHost:
        unmatched = {part.lstrip("!&") for text in asked if text for part in split(text)} & empty
        assert not names or unmatched or by_chance, asked
        return
    if by_chance:
        return
    assert names is not None, asked
    if answer.unordered:
        assert sorted(ours) == sorted(names), asked
    else:
        assert ours == names, asked


@pytest.mark.parametrize("seed", [1000, 1001])
def test_agrees_with_the_command_line_programs(seed: int, tmp_path: Path) -> None:
    generator = Generator(seed)
    folder = tmp_path / "inventory"
    generator.write(folder)
    inventory = load(folder)

    listed = json.loads(_run("ansible-inventory", "-i", str(folder), "--list", home=tmp_path))["_meta"]["hostvars"]
    assert {host.name: dict(host.vars) for host in inventory.hosts if host.vars} == listed
    for pattern in ("~.*[12]$", f"*,!{inventory.hosts[0].name}", "all[1:3],&ungrouped"):
        lines = _run("ansible", "-i", str(folder), pattern, "--list-hosts", home=tmp_path).splitlines()
        try:
            ours = sorted(inventory.select(pattern).names)
        except UnknownHost:
            ours = []
        assert ours == sorted(line.strip() for line in lines[1:]), pattern


def _run(program: str, *arguments: str, home: Path) -> str:
    environment = clean_environment(home)
    command = [str(_PROGRAMS / program), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=home).stdout
