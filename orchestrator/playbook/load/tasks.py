"""One task: its action, its keywords and its loop, checked as far as can be before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.playbook.load import keywords
from orchestrator.playbook.load.action import Action, find
from orchestrator.playbook.load.arguments import foresee
from orchestrator.playbook.load.inherit import merge
from orchestrator.playbook.load.keywords import ON_INCLUDES, Level
from orchestrator.playbook.load.notified import notices
from orchestrator.playbook.load.scope import Scope
from orchestrator.playbook.load.source import line_of
from orchestrator.playbook.load.sources import check_source
from orchestrator.playbook.load.syntax import check, check_arguments, check_keywords
from orchestrator.playbook.load.values import flag, holds_template, is_template, nearest, say, static_text, text
from orchestrator.playbook.model import Loop, Task
from orchestrator.playbook.modules import MODULES, module
from orchestrator.playbook.templating.lookups import LOOKUPS
from orchestrator.playbook.text import Position, Text

BUILTIN = "ansible.builtin."
FETCH = BUILTIN + "fetch"
META = BUILTIN + "meta"
INCLUDE_TASKS = BUILTIN + "include_tasks"
INCLUDES = frozenset((INCLUDE_TASKS, BUILTIN + "include_role"))

METAS = frozenset(
    """
    clear_facts clear_host_errors end_batch end_host end_play end_role flush_handlers noop refresh_inventory
    reset_connection
    """.split()  # noqa: SIM905  a column of quoted words reads worse
)
"""What ``meta`` can be asked for."""

_TASK_FIELDS = ("register", "until", "retries", "delay", "changed_when", "failed_when")


@dataclass(frozen=True, slots=True)
class Written:
    """A task as read: its action, and its own keywords before anything is inherited."""

    action: Action
    own: Mapping[str, Any]
    loop: Loop | None


def read(written: Any, scope: Scope, near: Position) -> Written:
    """One entry of a list of tasks. Raises PlaybookError with ``file:line``."""
    at = line_of(written, near)
    if not isinstance(written, dict):
        raise PlaybookError(f"a task is a mapping, this is {say(written)}", where=str(at), remedy="Name a module.")
    scope.gathered.count(at)
    own = keywords.read(written, scope.level, at)
    action = find(written, scope.level, at)
    if action.delegate_to is not None:
        own["delegate_to"] = action.delegate_to
    if action.module in INCLUDES:
        for key in written:
            if key in keywords.KEYWORDS and key not in ON_INCLUDES and written[key] is not None:
                short = action.module.removeprefix(BUILTIN)
                what = f"{key} cannot stand on {short}, which passes nothing but vars to what it includes"
                place = key.at if isinstance(key, Text) else at
                raise PlaybookError(what, where=str(place), remedy=f"Write it under apply, or use {_static(short)}.")
    return Written(replace(action, at=at), own, _loop(written, own, at))


def build(written: Written, scope: Scope) -> Task:
    """The task, with everything it inherits. Raises PlaybookError."""
    action, own = written.action, written.own
    effective = merge(scope.keywords, own)
    arguments = {**effective.module_defaults.get(action.module, {}), **_arguments(action)}
    check_arguments(action.module, arguments)
    check_keywords(own, but=("args", "action", "local_action", "loop", "loop_control"))
    if written.loop is not None:
        check([written.loop.items, written.loop.label, written.loop.pause])
    if action.module in MODULES:
        foresee(action.module, arguments, action.at)
    elif action.module == META:
        _meta(action, scope)
    task = Task(
        name=own.get("name") or Text("", action.at),
        module=action.module,
        arguments=arguments,
        at=action.at,
        free_form=action.free_form,
        keywords=effective,
        loop=written.loop,
        notify=effective.notify,
        listen=_topics(own.get("listen", ()), scope),
        role=scope.role,
        search=scope.search,
        files=scope.files,
        **{name: own[name] for name in _TASK_FIELDS if own.get(name) is not None},
    )
    check_source(task, scope)
    scope.gathered.notices += notices(task, scope)
    scope.gathered.local |= effective.delegate_to is not None or task.module == FETCH
    return task


def _arguments(action: Action) -> dict[str, Any]:
    """The arguments with the text after the module's name among them, under the name the module has for it."""
    arguments = dict(action.arguments)
    taker = module(action.module).free_form if action.module in MODULES else ""
    if taker and action.free_form is not None:
        if taker in arguments:
            raise PlaybookError(f"{taker} is given twice", where=str(action.at), remedy="Remove one of them.")
        arguments[taker] = action.free_form
    return arguments


def _meta(action: Action, scope: Scope) -> None:
    what = (action.free_form or "").strip()
    at = str(action.at)
    if action.arguments:
        raise PlaybookError("meta takes one word and no arguments", where=at)
    if what not in METAS:
        raise Unsupported(f"meta: {what} is not supported{nearest(what, METAS)}", where=at)
    if what == "end_role" and (scope.role is None or scope.level is Level.HANDLER):
        raise PlaybookError("end_role stands among the tasks of a role", where=at)


def _topics(listen: tuple[str, ...], scope: Scope) -> tuple[str, ...]:
    """What a handler listens to; in a role also with the role's name before it (handler.py)."""
    if scope.role is None:
        return listen
    return (*listen, *(f"{scope.role.name} : {topic}" for topic in listen))


def _loop(written: Mapping[str, Any], own: Mapping[str, Any], at: Position) -> Loop | None:
    loops = [key for key in written if key.startswith("with_")]
    if own.get("loop") is not None:
        loops.append("loop")
    control = own.get("loop_control") or {}
    if not loops:
        _control(control, at)
        return None
    if len(loops) > 1:
        raise PlaybookError(f"a task loops once, this one {' and '.join(loops)}", where=str(at))
    key = loops[0]
    items, lookup = written[key], key.removeprefix("with_")
    place = next(each.at if isinstance(each, Text) else at for each in written if each == key)
    if key == "loop":
        if not isinstance(items, list) and not is_template(items):
            what = f"loop takes a list, not {say(items)}"
            raise PlaybookError(what, where=str(place), remedy='For a variable write: loop: "{{ name }}".')
    elif lookup not in LOOKUPS:
        raise Unsupported(f"{key} is not supported{nearest(lookup, LOOKUPS)}", where=str(place))
    elif items is None:
        raise PlaybookError(f"{key} needs a value", where=str(place))
    return replace(_control(control, at), items=items, lookup=lookup)


def _control(control: Mapping[str, Any], near: Position) -> Loop:
    known = {"loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"}
    for key, value in control.items():
        at = line_of(key, near)
        if key not in known:
            raise PlaybookError(f"loop_control has no {key}{nearest(key, known)}", where=str(at))
        if (key == "break_when" and value) or (key == "extended_allitems" and value is not True):
            raise Unsupported(f"{key} is not supported", where=str(at), remedy="Remove it.")
    at = line_of(dict(control), near)
    extended = flag(control.get("extended"), "extended", at)
    if holds_template(extended):
        raise Unsupported("extended cannot hold a template", where=str(at), remedy="Write yes or no.")
    return Loop(
        items=[],
        var=static_text(control.get("loop_var"), "loop_var", at) or "item",
        index_var=static_text(control.get("index_var"), "index_var", at),
        label=text(control.get("label"), "label", at),
        pause=control.get("pause"),
        extended=bool(extended),
    )


def _static(short: str) -> str:
    return short.replace("include", "import")
