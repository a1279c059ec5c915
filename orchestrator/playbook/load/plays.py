"""A playbook's plays, those of imported playbooks in their places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load import keywords
from orchestrator.playbook.load.files import find
from orchestrator.playbook.load.inherit import merge
from orchestrator.playbook.load.keywords import Level
from orchestrator.playbook.load.notified import check_notified
from orchestrator.playbook.load.roles import Roles
from orchestrator.playbook.load.scope import Gathered, Scope
from orchestrator.playbook.load.source import Source, line_of
from orchestrator.playbook.load.static import known
from orchestrator.playbook.load.syntax import check, check_keywords
from orchestrator.playbook.load.unfold import Unfolder, implicit
from orchestrator.playbook.load.values import is_template, say
from orchestrator.playbook.model import Keywords, Play, Playbook, Step
from orchestrator.playbook.text import Position, Text

_LISTS = ("roles", "pre_tasks", "tasks", "post_tasks", "handlers")
_IMPORT = ("import_playbook", "ansible.builtin.import_playbook")
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Imported:
    """How a playbook was come to: the files, and what the imports of them give to its plays."""

    chain: tuple[Path, ...]
    extra: Mapping[str, Any]
    vars: Mapping[str, Any] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    when: tuple[Any, ...] = ()

    def by(self, path: Path, own: Mapping[str, Any]) -> Imported:
        """The file `path` imported from there, with `own` keywords."""
        return Imported(
            chain=(*self.chain, path),
            extra=self.extra,
            vars={**own.get("vars", {}), **self.vars},
            tags=self.tags | own.get("tags", frozenset()),
            when=self.when + own.get("when", ()),
        )


class Plays:
    """Reads playbooks."""

    def __init__(self, source: Source, roles: Roles, unfolder: Unfolder) -> None:
        self._source = source
        self._roles = roles
        self._unfolder = unfolder

    def playbook(self, path: Path, extra: Mapping[str, Any]) -> Playbook:
        """Everything the playbook at `path` says, the command line giving `extra` variables.

        Raises PlaybookError with ``file:line``.
        """
        so_far = Gathered()
        plays = self._file(path, Imported((path,), extra), so_far)
        return Playbook(path, tuple(plays), tuple(so_far.notes))

    def _file(self, path: Path, imported: Imported, so_far: Gathered) -> list[Play]:
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
                plays += self._import(entry, imported, so_far, at)
            else:
                plays.append(self._play(entry, imported, so_far, at))
        return plays

    def _import(self, entry: Mapping[Any, Any], imported: Imported, so_far: Gathered, at: Position) -> list[Play]:
        own = keywords.read_all(entry, Level.IMPORT, at, what="import_playbook", besides=_IMPORT)
        check_keywords(own)
        named = [key for key in entry if key in _IMPORT]
        name = entry[named[0]]
        if len(named) > 1 or not isinstance(name, Text) or not name.strip():
            raise PlaybookError("import_playbook names one file", where=str(at))
        chain = imported.chain
        scope = Scope(Gathered(), chain[-1:], vars=own.get("vars", {}), extra=imported.extra)
        path = Path(os.path.normpath(chain[-1].parent / Path(known(name, scope).strip()).expanduser()))
        if path in chain:
            circle = " -> ".join(self._source.label(file) for file in (*chain[chain.index(path) :], path))
            raise PlaybookError(f"imports itself: {circle}", where=str(name.at), remedy="Break the circle.")
        if not path.exists() or path.is_dir():
            raise PlaybookError(f"there is no file {self._source.label(path)}", where=str(name.at))
        return self._file(path, imported.by(path, own), so_far)

    def _play(self, entry: Mapping[Any, Any], imported: Imported, so_far: Gathered, at: Position) -> Play:
        own = keywords.read_all(_without_local(entry), Level.PLAY, at, what="a play")
        check_keywords(own, but=_LISTS)
        hosts = _hosts(own.get("hosts", ()), at)
        variables = {**own.get("vars", {}), **imported.vars}
        outer = merge(Keywords(tags=imported.tags), {name: value for name, value in own.items() if name != "vars"})
        gathered = Gathered(local=so_far.local or _may_be_here(hosts))
        bare = Scope(gathered, imported.chain[-1:], outer, extra=imported.extra)
        files, known_vars = self._vars_files(own.get("vars_files"), bare, at)
        around = replace(bare, vars={**variables, **known_vars})
        # The condition of an import is for tasks, not for handlers (playbook_include.py).
        scope = around.within(replace(outer, when=imported.when))
        # In the order in which Ansible reads them, which decides the order of handlers (attribute.py, priorities).
        used = [self._unfolder.role(self._roles.use(each, at), scope) for each in own.get("roles", ())]
        own_handlers = self._unfolder.handlers(own.get("handlers"), around, at)
        parts = {part: self._unfolder.steps(own.get(part), scope, at) for part in ("pre_tasks", "post_tasks", "tasks")}
        handlers = (*(each for role in used for each in role.handlers), *own_handlers, *gathered.handlers)
        check_notified(handlers, gathered)
        so_far.notes.update(gathered.notes)
        so_far.local = gathered.local
        flush: tuple[Step, ...] = (implicit("flush_handlers", at, outer),)
        middle = (*(step for each in used for step in each.steps), *parts["tasks"])
        return Play(
            name=own.get("name") or Text(",".join(hosts), at),
            hosts=hosts[0] if len(hosts) == 1 else list(hosts),
            steps=(*parts["pre_tasks"], *flush, *middle, *flush, *parts["post_tasks"], *flush),
            at=at,
            handlers=handlers,
            vars=variables,
            vars_files=files,
            roles=(*(role for each in used for role in each.roles), *gathered.roles),
            gather_facts=own.get("gather_facts"),
            gather_subset=own.get("gather_subset", ()),
            serial=own.get("serial", ()),
            max_fail_percentage=own.get("max_fail_percentage"),
            keywords=scope.keywords,
            force_handlers=own.get("force_handlers"),
            search=scope.search,
        )

    def _vars_files(self, written: Any, scope: Scope, near: Position) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Names of files, or lists of them of which the first that exists counts; and the variables of those whose
        names are known by now."""
        found = written if isinstance(written, list) else [] if written is None else [written]
        variables: dict[str, Any] = {}
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
            variables |= variables_of(self._source, paths[0])
        check(variables)
        return tuple(found), variables


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


def _may_be_here(hosts: tuple[Text, ...]) -> bool:
    """Whether tasks may run on the control node: a play that makes files there, for others to send."""
    return any(is_template(each) or here in each for each in hosts for here in ("localhost", "127.0.0.1", "Server"))


def _without_local(entry: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """``connection: local`` says nothing new about localhost; for other hosts it is refused."""
    hosts = entry.get("hosts")
    if entry.get("connection") == "local" and (hosts if isinstance(hosts, str) else None) in _HERE:
        return {key: value for key, value in entry.items() if key != "connection"}
    return entry
