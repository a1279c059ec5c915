"""What ``import_tasks``, ``include_tasks``, ``import_role`` and ``include_role`` name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load import keywords
from orchestrator.playbook.load.keywords import Level
from orchestrator.playbook.load.roles import Use
from orchestrator.playbook.load.scope import Scope
from orchestrator.playbook.load.source import Source, line_of
from orchestrator.playbook.load.syntax import check_keywords
from orchestrator.playbook.load.tasks import BUILTIN, Written
from orchestrator.playbook.load.values import flag, is_template, nearest, say
from orchestrator.playbook.text import Position, Text

_FROM = ("tasks_from", "handlers_from", "defaults_from", "vars_from")
_ROLE = ("name", "role", *_FROM, "apply", "public", "allow_duplicates", "rolespec_validate")


@dataclass(frozen=True, slots=True)
class RoleCall:
    """A role that a task brings in, and the keywords that it applies to the role's tasks."""

    use: Use
    apply: Mapping[str, Any]


def file_name(written: Written) -> Text:
    """The file that ``import_tasks`` or ``include_tasks`` names. Raises PlaybookError."""
    action = written.action
    short = _checked(written, ("file", "apply"))
    name = action.free_form or action.arguments.get("file")
    if not isinstance(name, Text) or not name.strip():
        raise PlaybookError(f"{short} names no file", where=str(action.at), remedy=f"Write {short}: FILE.")
    return Text(name.strip(), name.at)


def role_call(written: Written, *, static: bool) -> RoleCall:
    """The role that ``import_role`` or ``include_role`` names. Raises PlaybookError."""
    _checked(written, _ROLE)
    return called(written.action.arguments, written.own.get("vars", {}), written.action.at, static=static)


def called(given: Mapping[str, Any], own_vars: Mapping[str, Any], at: Position, *, static: bool) -> RoleCall:
    """The role that these arguments name, used with `own_vars`. Raises PlaybookError."""
    name = given.get("name", given.get("role"))
    if not isinstance(name, Text) or not name:
        raise PlaybookError("no role is named", where=str(at), remedy="Write name: ROLE.")
    parts: dict[str, Text] = {}
    for key in _FROM:
        if key in given:
            if not isinstance(given[key], Text):
                raise PlaybookError(f"{key} takes the name of a file, not {say(given[key])}", where=str(at))
            parts[key.removesuffix("_from")] = given[key]
    use = Use(
        name=name,
        own={"vars": own_vars} if own_vars else {},
        parts=parts,
        allow_duplicates=_flag(given, "allow_duplicates", at, default=True),
        included=True,
        public=_flag(given, "public", at, default=static),
    )
    return RoleCall(use, applied(given.get("apply"), at))


def applied(apply: Any, at: Position) -> Mapping[str, Any]:
    """The keywords under ``apply``. Raises PlaybookError."""
    if apply is None:
        return {}
    if not isinstance(apply, dict):
        raise PlaybookError(f"apply takes a mapping of keywords, not {say(apply)}", where=str(at))
    for part in ("block", "rescue", "always"):
        if part in apply:
            raise PlaybookError(f"apply takes keywords, not {part}", where=str(at))
    own = keywords.read_all(apply, Level.BLOCK, at, what="a block, which apply takes")
    check_keywords(own)
    return own


def find_file(name: Text, scope: Scope) -> Path | None:
    """The file of tasks that `name` means there, or None."""
    for folder in scope.task_folders:
        path = Path(os.path.normpath(folder / Path(name).expanduser()))
        if path.exists() and not path.is_dir():
            return path
    return None


def missing(name: Text, scope: Scope, source: Source) -> PlaybookError:
    """The error for a file that is not there."""
    folders = scope.task_folders
    there = [entry.name for folder in folders[:2] if folder.is_dir() for entry in folder.iterdir()]
    looked = ", ".join(source.label(folder) or "." for folder in folders)
    return PlaybookError(f"{name} was not found in {looked}{nearest(name, there)}", where=str(name.at))


def _checked(written: Written, known: tuple[str, ...]) -> str:
    """The short name of the include, its arguments being among those `known`."""
    action = written.action
    short = action.module.removeprefix(BUILTIN)
    for key in action.arguments:
        if key not in known:
            what = f"{short} takes no argument {key}{nearest(str(key), known)}"
            raise PlaybookError(what, where=str(line_of(key, action.at)))
    if short.startswith("import"):
        if written.loop is not None:
            what = f"{short} cannot loop"
            raise PlaybookError(what, where=str(action.at), remedy=f"Use {short.replace('import', 'include')}.")
        if action.arguments.get("apply"):
            what = f"{short} takes no apply"
            raise PlaybookError(what, where=str(action.at), remedy="Write the keywords on the task itself.")
    return short


def _flag(given: Mapping[str, Any], name: str, at: Position, *, default: bool) -> bool:
    value = flag(given.get(name), name, at)
    if is_template(value):
        raise PlaybookError(f"{name} cannot hold a template", where=str(at), remedy="Write yes or no.")
    return default if value is None else bool(value)
