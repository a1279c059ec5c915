"""A playbook's plays, those of imported playbooks in their places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load import keywords
from orchestrator.playbook.load.files import find
from orchestrator.playbook.load.inherit import merge
from orchestrator.playbook.load.keywords import Level, misplaced
from orchestrator.playbook.load.roles import Roles
from orchestrator.playbook.load.scope import Gathered, Scope
from orchestrator.playbook.load.source import Source, line_of
from orchestrator.playbook.load.syntax import check, check_keywords
from orchestrator.playbook.load.unfold import Unfolder, implicit
from orchestrator.playbook.load.values import is_template, nearest, say
from orchestrator.playbook.model import Keywords, Play, Playbook, Step
from orchestrator.playbook.text import Position, Text

_LISTS = ("roles", "pre_tasks", "tasks", "post_tasks", "handlers")
_IMPORT = ("import_playbook", "ansible.builtin.import_playbook")
_HERE = ("localhost", "127.0.0.1", "::1")


class Plays:
    """Reads playbooks."""

    def __init__(self, source: Source, roles: Roles, unfolder: Unfolder) -> None:
        self._source = source
        self._roles = roles
        self._unfolder = unfolder

    def playbook(self, path: Path) -> Playbook:
        """Everything the playbook at `path` says. Raises PlaybookError with ``file:line``."""
        notes: dict[str, None] = {}
        plays = self._file(path, (path,), {}, notes)
        return Playbook(path, tuple(plays), tuple(notes))

    def _file(
        self, path: Path, chain: tuple[Path, ...], inherited: Mapping[str, Any], notes: dict[str, None]
    ) -> list[Play]:
        label = self._source.label(path)
        tree = self._source.tree(path)
        start = Position(label, 1)
        if not tree:
            raise PlaybookError("the playbook is empty", where=label, remedy="Write at least one play.")
        if not isinstance(tree, list):
            what = f"a playbook is a list of plays, this is {say(tree)}"
            raise PlaybookError(what, where=str(line_of(tree, start)), remedy="Start each play with a dash.")
        plays: list[Play] = []
        for entry in tree:
            at = line_of(entry, start)
            if not isinstance(entry, dict):
                what = f"a play is a mapping, this is {say(entry)}"
                raise PlaybookError(what, where=str(at), remedy="Write hosts: and tasks: under it.")
            if any(name in entry for name in _IMPORT):
                plays += self._import(entry, chain, inherited, notes, at)
            else:
                plays.append(self._play(entry, chain[-1], inherited, notes, at))
        return plays

    def _import(
        self,
        entry: Mapping[Any, Any],
        chain: tuple[Path, ...],
        inherited: Mapping[str, Any],
        notes: dict[str, None],
        at: Position,
    ) -> list[Play]:
        own = keywords.read(entry, Level.IMPORT, at)
        named = [key for key in entry if key in _IMPORT]
        for key in entry:
            if key not in own and key not in _IMPORT:
                known = [keyword.name for keyword in keywords.at_level(Level.IMPORT)]
                what = misplaced(key, Level.IMPORT) or f"import_playbook takes no {key}{nearest(key, known)}"
                raise PlaybookError(what, where=str(line_of(key, at)))
        name = entry[named[0]]
        if len(named) > 1 or not isinstance(name, Text) or not name.strip():
            raise PlaybookError("import_playbook names one file", where=str(at))
        if is_template(name):
            what = f"the name {name} holds a template"
            raise PlaybookError(what, where=str(name.at), remedy="Write it out.")
        path = Path(os.path.normpath(chain[-1].parent / Path(name.strip()).expanduser()))
        if path in chain:
            circle = " -> ".join(self._source.label(file) for file in (*chain[chain.index(path) :], path))
            raise PlaybookError(f"imports itself: {circle}", where=str(name.at), remedy="Break the circle.")
        if not path.exists():
            raise PlaybookError(f"there is no {self._source.label(path)}", where=str(name.at))
        merged = {
            "vars": {**own.get("vars", {}), **inherited.get("vars", {})},
            "tags": inherited.get("tags", frozenset()) | own.get("tags", frozenset()),
            "when": inherited.get("when", ()) + own.get("when", ()),
        }
        return self._file(path, (*chain, path), merged, notes)

    def _play(
        self,
        entry: Mapping[Any, Any],
        file: Path,
        inherited: Mapping[str, Any],
        notes: dict[str, None],
        at: Position,
    ) -> Play:
        own = keywords.read(_without_local(entry), Level.PLAY, at)
        for key in entry:
            if key not in keywords.KEYWORDS or Level.PLAY not in keywords.KEYWORDS[key].levels:
                known = [keyword.name for keyword in keywords.at_level(Level.PLAY)]
                what = misplaced(key, Level.PLAY) or f"{key} is no keyword of a play{nearest(str(key), known)}"
                raise PlaybookError(what, where=str(line_of(key, at)))
        check_keywords(own, but=_LISTS)
        hosts = _hosts(own.get("hosts", ()), at)
        passed = {name: value for name, value in own.items() if name != "vars"}
        outer = merge(Keywords(), {name: inherited[name] for name in ("tags",) if name in inherited})
        handler_scope = Scope(Gathered(), (file,), merge(outer, passed))
        scope = handler_scope.within(replace(handler_scope.keywords, when=inherited.get("when", ())))
        gathered = scope.gathered
        # In the order in which Ansible reads them, which decides the order of handlers (attribute.py, priorities).
        used = [self._unfolder.role(self._roles.use(each, at), scope) for each in own.get("roles", ())]
        handlers = self._unfolder.handlers(own.get("handlers"), handler_scope, at)
        parts = {part: self._unfolder.steps(own.get(part), scope, at) for part in ("pre_tasks", "post_tasks", "tasks")}
        notes.update(gathered.notes)
        flush: tuple[Step, ...] = (implicit("flush_handlers", at, handler_scope.keywords),)
        middle = (*(step for each in used for step in each.steps), *parts["tasks"])
        return Play(
            name=own.get("name") or Text(",".join(hosts), at),
            hosts=hosts[0] if len(hosts) == 1 else list(hosts),
            steps=(*parts["pre_tasks"], *flush, *middle, *flush, *parts["post_tasks"], *flush),
            at=at,
            handlers=(*(each for role in used for each in role.handlers), *handlers, *gathered.handlers),
            vars={**own.get("vars", {}), **inherited.get("vars", {})},
            vars_files=self._vars_files(own.get("vars_files"), scope, at),
            roles=(*(role for each in used for role in each.roles), *gathered.roles),
            gather_facts=own.get("gather_facts"),
            gather_subset=own.get("gather_subset", ()),
            serial=own.get("serial", ()),
            max_fail_percentage=own.get("max_fail_percentage"),
            keywords=scope.keywords,
            force_handlers=own.get("force_handlers"),
            search=scope.search,
        )

    def _vars_files(self, written: Any, scope: Scope, near: Position) -> tuple[Any, ...]:
        """Names of files, or lists of them of which the first that exists counts. Those known by now are read."""
        found = written if isinstance(written, list) else [] if written is None else [written]
        for entry in found:
            choices = entry if isinstance(entry, list) else [entry]
            at = line_of(entry, near)
            for name in choices:
                if not isinstance(name, Text):
                    raise PlaybookError(f"vars_files takes names of files, not {say(name)}", where=str(at))
            if any(is_template(name) for name in choices):
                continue
            paths = [path for path in (find("vars", name, scope.search) for name in choices) if path]
            if not paths:
                raise PlaybookError(f"there is no {' or '.join(choices)}", where=str(at))
            check(variables_of(self._source, paths[0]))
        return tuple(found)


def variables_of(source: Source, path: Path) -> dict[str, Any]:
    """A file of variables: a mapping, or a list of them; none when it is empty. Raises PlaybookError."""
    tree = source.tree(path)
    merged: dict[str, Any] = {}
    for entry in tree if isinstance(tree, list) else [tree or {}]:
        if not isinstance(entry, dict):
            what = f"variables are a mapping, this is {say(entry)}"
            raise PlaybookError(what, where=str(line_of(entry, Position(source.label(path), 1))))
        merged |= entry
    return merged


def _hosts(hosts: tuple[Any, ...], at: Position) -> tuple[Text, ...]:
    if not hosts or not all(isinstance(each, Text) and each.strip() for each in hosts):
        raise PlaybookError("a play without hosts", where=str(at), remedy="Write hosts: all, a group or a pattern.")
    return hosts


def _without_local(entry: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """``connection: local`` says nothing new about localhost; for other hosts it is refused."""
    hosts = entry.get("hosts")
    if entry.get("connection") == "local" and (hosts if isinstance(hosts, str) else None) in _HERE:
        return {key: value for key, value in entry.items() if key != "connection"}
    return entry
