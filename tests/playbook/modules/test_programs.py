"""All shell programs together: they share one namespace in a prepared shell, and all shells have to read them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from orchestrator.playbook.facts import program as facts
from orchestrator.playbook.modules import MODULES, Program
from tests.playbook.modules.target import closure, shells


def _with_needs(program: Program) -> Iterator[Program]:
    yield program
    for needed in program.needs:
        yield from _with_needs(needed)


def _in(loaded: ModuleType) -> Iterator[Program]:
    for value in vars(loaded).values():
        if isinstance(value, Program):
            yield from _with_needs(value)


def programs() -> dict[str, Program]:
    """Every program by its name."""
    found: dict[str, Program] = {}
    for file in set(MODULES.values()):
        for program in _in(import_module(f"orchestrator.playbook.modules.{file}")):
            assert found.setdefault(program.name, program) == program, f"two programs are called {program.name}"
    return found | {program.name: program for program in _in(facts)}


def test_no_function_is_called_as_another_program_calls_its_own() -> None:
    owners: dict[str, str] = {"say": "the prepared shell"}
    for program in programs().values():
        for name in re.findall(r"^\s*(\w+)\(\)", program.text, re.MULTILINE):
            assert owners.setdefault(name, program.name) == program.name, f"{name} of {program.name} and {owners[name]}"


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_every_shell_reads_every_program(shell: str) -> None:
    for program in programs().values():
        argv = [*shells()[shell].argv, "-n"]
        done = subprocess.run(argv, input=closure(program), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), program.name
