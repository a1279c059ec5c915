"""One call of a module's program as text for a prepared shell: everything that varies is quoted here, once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache

from orchestrator.playbook.modules.base import Parameter, Program, TaskFailed
from orchestrator.ssh.shell import Library

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@cache
def libraries(program: Program) -> tuple[Library, ...]:
    """What has to be loaded for `program`: all that it needs, each once, then itself."""
    found: dict[str, Program] = {}

    def visit(one: Program) -> None:
        for needed in one.needs:
            visit(needed)
        found.setdefault(one.name, one)

    visit(program)
    return tuple(Library(one.name, one.text) for one in found.values())


def invocation(
    call: str,
    words: tuple[str | bytes, ...],
    parameters: Mapping[str, Parameter],
    environment: Mapping[str, str],
) -> str:
    """The script that calls the function `call` with `words`, `parameters` as variables and `environment` exported.

    A program that becomes somebody's command does ``eval "${_o_env-}"`` before: parameters may have taken names of
    the environment.
    A list parameter becomes one text of quoted words, for ``eval "set -- $name"``. Raises TaskFailed for what no
    shell can hold: a NUL byte, a name with odd letters.
    """
    exports = "\n".join(_exports(environment))
    again = (f"_o_env={quoted(exports)}",) if exports else ()
    script = "\n".join((exports, *_assignments(parameters), *again, " ".join((call, *map(quoted, words)))))
    if "\0" in script:
        raise TaskFailed("a value holds a NUL byte, which no shell can pass on")
    return script


def quoted(word: str | bytes) -> str:
    """`word` as a shell reads it back; bytes that are no UTF-8 stay what they are."""
    return shlex.quote(word.decode("utf-8", "surrogateescape") if isinstance(word, bytes) else word)


def _assignments(parameters: Mapping[str, Parameter]) -> Iterator[str]:
    for name, value in parameters.items():
        if value is None:
            yield f"unset {name}"
        elif isinstance(value, bool):
            yield f"{name}={'1' if value else ''}"
        elif isinstance(value, int):
            yield f"{name}={value}"
        elif isinstance(value, str | bytes):
            yield f"{name}={quoted(value)}"
        else:
            yield f"{name}={shlex.quote(' '.join(map(quoted, value)))}"


def _exports(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if not _NAME.fullmatch(name):
            raise TaskFailed(f"environment: {name!r} is no name of a variable")
        yield f"{name}={quoted(value)}; export {name}"
