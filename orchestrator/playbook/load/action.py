"""Which module a task calls, and with what: ``copy: {src: a}``, ``copy: src=a``, ``action: copy src=a``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.inventory.variables import Vaulted
from orchestrator.playbook.load import freeform
from orchestrator.playbook.load.keywords import Level, at_level, misplaced
from orchestrator.playbook.load.values import is_template, nearest, say
from orchestrator.playbook.modules import MODULES, canonical, module
from orchestrator.playbook.modules.registry import ENGINE
from orchestrator.playbook.text import Position, Text

_COMMANDS = frozenset("ansible.builtin." + name for name in ("command", "raw", "script", "shell"))
_TAKES_TEXT = _COMMANDS | ENGINE


@dataclass(frozen=True, slots=True)
class Action:
    """A task's module by its full name, its arguments, the text after its name, and the host that is implied."""

    module: str
    arguments: Mapping[str, Any]
    free_form: Text | None
    at: Position
    delegate_to: Text | None = None


def find(written: Mapping[str, Any], level: Level, at: Position) -> Action:
    """The action of the task `written`. Raises PlaybookError when there is none, more than one, or an unknown one."""
    words = {keyword.name for keyword in at_level(level)}
    named = [key for key in written if key not in words and not key.startswith("with_")]
    known = [key for key in named if canonical(key)]
    given = [key for key in ("action", "local_action") if key in written] + known
    if len(given) > 1:
        what = f"a task calls one module, this one {' and '.join(given)}"
        raise PlaybookError(what, where=str(_place(given[1], at)), remedy="Make two tasks of it.")
    for key in named:
        if key not in known:
            raise _unknown(key, level, bool(given), _place(key, at))
    if not given:
        raise PlaybookError("a task without a module", where=str(at), remedy="Name one, such as command or debug.")
    key = given[0]
    place = _place(key, at)
    further = written.get("args")
    if further is not None and not isinstance(further, dict):
        raise PlaybookError(f"args takes a mapping, not {say(further)}", where=str(place))
    if key in known:
        action = _of(str(canonical(key)), written[key], place)
    else:
        action = _one_line(written[key], place)
        if key == "local_action":
            action = replace(action, delegate_to=Text("localhost", place))
    return replace(action, arguments={**(further or {}), **action.arguments})


def _of(name: str, value: Any, at: Position) -> Action:
    """The call of the module `name` with `value`, whatever form it has."""
    if value is None:
        return Action(name, {}, None, at)
    if isinstance(value, dict):
        for argument in value:
            if not isinstance(argument, str):
                raise PlaybookError(f"the argument {argument!r} is not a name", where=str(at))
        return Action(name, value, None, at)
    if isinstance(value, Text):
        options = freeform.COMMAND_OPTIONS if name in _COMMANDS else None
        pairs, rest = freeform.parse(value, options)
        if rest is not None and not _takes_text(name):
            raise _no_text(name, value, rest)
        return Action(name, pairs, rest, at)
    if isinstance(value, Vaulted):
        raise PlaybookError("arguments cannot be vaulted as a whole", where=str(at), remedy="Vault single values.")
    what = f"arguments are a mapping or text, not {say(value)}"
    raise PlaybookError(what, where=str(at), remedy="Write it in quotes if it is meant as text.")


def _one_line(value: Any, at: Position) -> Action:
    """The value of ``action`` and ``local_action``."""
    arguments: dict[str, Any] = {}
    if isinstance(value, dict):
        arguments = {key: item for key, item in value.items() if key not in ("module", "args")}
        nested = value.get("args")
        if isinstance(nested, Text):
            nested = freeform.parse(nested)[0]
        arguments |= nested or {}
        value = value.get("module")
    if not isinstance(value, Text) or not value.strip():
        raise PlaybookError("action names a module", where=str(at), remedy="For example: action: copy src=a dest=b")
    words = freeform.split(value)
    called = words[0].strip()
    if is_template(Text(called)):
        raise Unsupported("the name of a module cannot be a template", where=str(at), remedy="Write it out.")
    name = canonical(called)
    if name is None:
        raise _unknown(Text(called, value.at), Level.TASK, False, value.at)
    rest = value.partition(words[0].strip())[2].removeprefix(" ")
    action = _of(name, Text(rest, value.at) if rest else None, at)
    return replace(action, arguments=arguments | dict(action.arguments))


def _takes_text(name: str) -> bool:
    return name in _TAKES_TEXT or bool(module(name).free_form)


def _no_text(name: str, value: Text, rest: Text) -> PlaybookError:
    short = name.rpartition(".")[2]
    if is_template(value):
        what = f"{short} takes its arguments by name, not as one template"
        return Unsupported(what, where=str(value.at), remedy="Write each argument as name: value.")
    what = f"{short} takes arguments by name, {str(rest)[:60]!r} is none"
    return PlaybookError(
        what, where=str(value.at), remedy="Write name=value, a value with spaces in quotes, or a mapping."
    )


def _unknown(key: str, level: Level, has_module: bool, at: Position) -> PlaybookError:
    wrong_place = misplaced(key, level)
    if wrong_place:
        return PlaybookError(wrong_place, where=str(at))
    short = [name.rpartition(".")[2] for name in (*MODULES, *ENGINE)]
    if has_module:
        words = [keyword.name for keyword in at_level(level)]
        return Unsupported(f"{key} is no keyword of a {level}{nearest(key, words)}", where=str(at))
    return Unsupported(f"the module {key} is not supported{nearest(key, sorted(short))}", where=str(at))


def _place(key: str, near: Position) -> Position:
    return key.at if isinstance(key, Text) else near
