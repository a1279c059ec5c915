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

# A word where a command may stand: at the start of a line, or after what ends, joins or opens commands.
_CALL = r"(?:^|[;&|({!]|\b(?:if|then|elif|else|while|until|do)\b|\))[ \t]*(\w+)(?=[ \t;)]|$)"


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
        for name in _defined(program.text):
            assert owners.setdefault(name, program.name) == program.name, f"{name} of {program.name} and {owners[name]}"


def test_each_program_needs_those_whose_functions_it_calls() -> None:
    """A function that is not there is only a message on standard error: the program would go on without it."""
    owners = {name: program.name for program in programs().values() for name in _defined(program.text)}
    for program in programs().values():
        there = set(_defined(closure(program)))
        called = set(re.findall(_CALL, program.text, re.MULTILINE)) & set(owners)
        assert {f"{name} of {owners[name]}" for name in called - there} == set(), program.name


def _defined(text: str) -> list[str]:
    return re.findall(r"^\s*(\w+)\(\)", text, re.MULTILINE)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_every_shell_reads_every_program(shell: str) -> None:
    for program in programs().values():
        argv = [*shells()[shell].argv, "-n"]
        done = subprocess.run(argv, input=closure(program), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), program.name
