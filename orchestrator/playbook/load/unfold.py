"""From lists of tasks to steps: blocks, static imports and roles in their places, dynamic includes looked into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.playbook.load import keywords, tasks
from orchestrator.playbook.load.includes import RoleCall, applied, file_name, find_file, missing, role_call
from orchestrator.playbook.load.inherit import merge
from orchestrator.playbook.load.keywords import Level
from orchestrator.playbook.load.roles import Folder, Roles, Use, reference
from orchestrator.playbook.load.scope import Gathered, Scope
from orchestrator.playbook.load.source import Source, line_of
from orchestrator.playbook.load.static import known
from orchestrator.playbook.load.syntax import check, check_keywords
from orchestrator.playbook.load.tasks import BUILTIN, INCLUDE_TASKS, META, Written
from orchestrator.playbook.load.values import is_template, say
from orchestrator.playbook.model import Block, Included, Keywords, RoleRef, Step, Task
from orchestrator.playbook.text import Position, Text

_PARTS = ("block", "rescue", "always")
_MAX_DEPTH = 200


class Unfolder:
    """Turns what YAML says into steps."""

    def __init__(self, source: Source, roles: Roles) -> None:
        self._source = source
        self._roles = roles
        self._numbers = count(1)

    def steps(self, written: Any, scope: Scope, near: Position) -> tuple[Step, ...]:
        """A list of tasks and blocks. Raises PlaybookError with ``file:line``."""
        if written is None:
            return ()
        if not isinstance(written, list):
            what = f"tasks are a list, this is {say(written)}"
            raise PlaybookError(what, where=str(line_of(written, near)), remedy="Start each task with a dash.")
        return tuple(step for entry in written if entry is not None for step in self._entry(entry, scope, near))

    def handlers(self, written: Any, scope: Scope, near: Position) -> tuple[Task, ...]:
        """A list of handlers."""
        found = self.steps(written, replace(scope, level=Level.HANDLER), near)
        return tuple(step for step in found if isinstance(step, Task))

    def file(self, path: Path, tree: Any, scope: Scope, at: Position) -> tuple[Step, ...]:
        """The steps of a file that something `at` a place brings in."""
        if path in scope.files[scope.since :]:
            first = scope.files.index(path)
            chain = " -> ".join(self._source.label(file) for file in (*scope.files[first:], path))
            raise PlaybookError(f"includes itself: {chain}", where=str(at), remedy="Break the circle.")
        if scope.trial and path in scope.files:
            return ()
        if len(scope.files) > _MAX_DEPTH:
            raise PlaybookError(f"more than {_MAX_DEPTH} files include each other", where=str(at), remedy="Use a loop.")
        inside = replace(scope, files=(*scope.files, path))
        return self.steps(tree, inside, Position(self._source.label(path), 1))

    def role(self, use: Use, scope: Scope, users: tuple[str, ...] = (), outer: Keywords | None = None) -> Included:
        """A use of a role: its steps after those of its dependencies, its handlers likewise, and the role itself.

        `users` are the roles that depend on it, `outer` the keywords around the first of them.
        """
        folder, at = self._roles.read(use, scope), use.name.at
        if folder.name in users:
            chain = " -> ".join((*users[users.index(folder.name) :], folder.name))
            raise PlaybookError(f"the role depends on itself: {chain}", where=str(at), remedy="Break the circle.")
        if folder.specified:
            scope.gathered.notes[f"{self._source.label(folder.path)}: argument_specs are not checked"] = None
        check_keywords(use.own)
        check([folder.defaults, folder.vars, use.params])
        plain = reference(folder, use, scope.role)
        own = {name: value for name, value in use.own.items() if name != "vars"}
        below = replace(scope, keywords=merge(scope.keywords, own), role=plain)
        outer = outer or scope.keywords
        before = [self.role(each, below, (*users, folder.name), outer) for each in folder.dependencies]
        role = reference(folder, use, scope.role, [each.roles[0] for each in before])
        role = replace(role, passes=plain, instance=self._instance(folder, use))
        inside = replace(below, role=role)
        steps = [step for each in before for step in each.steps]
        handlers = [handler for each in before for handler in each.handlers]
        if folder.tasks:
            steps += self.file(*folder.tasks, inside, at)
        if folder.handlers:
            found = self.file(*folder.handlers, replace(inside, level=Level.HANDLER), at)
            handlers += [step for step in found if isinstance(step, Task)]
        # It goes by the role's own condition, not by those of the roles that depend on it (Role.compile).
        steps.append(implicit("role_complete", at, merge(outer, own), role))
        return Included(tuple(steps), tuple(handlers), (role,))

    def _entry(self, entry: Any, scope: Scope, near: Position) -> tuple[Step, ...]:
        if isinstance(entry, dict) and any(part in entry for part in _PARTS):
            return (self._block(entry, scope, near),)
        written = tasks.read(entry, scope, near)
        match written.action.module.removeprefix(BUILTIN):
            case "import_tasks":
                return self._import_tasks(written, scope)
            case "import_role":
                return self._import_role(written, scope)
            case "include_tasks" | "include_role":
                return (self._include(written, scope),)
        return (tasks.build(written, scope),)

    def _block(self, entry: Mapping[Any, Any], scope: Scope, near: Position) -> Block:
        at = line_of(entry, near)
        if scope.level is Level.HANDLER:
            raise PlaybookError("a block cannot be a handler", where=str(at), remedy="Notify several, or use listen.")
        own = keywords.read_all(entry, Level.BLOCK, at, what="a block")
        if not own.get("block") and (own.get("rescue") or own.get("always")):
            raise PlaybookError("rescue and always need a block", where=str(at), remedy="Add block: with tasks.")
        for part in _PARTS:
            if part in own and not isinstance(own[part], list):
                raise PlaybookError(f"{part} takes a list of tasks, not {say(own[part])}", where=str(at))
        check_keywords(own, but=_PARTS)
        inside = scope.within(merge(scope.keywords, own))
        # What fails in a block with a rescue may be meant to.
        tried = replace(inside, doubtful=True) if own.get("rescue") else inside
        return Block(
            block=self.steps(own.get("block"), tried, at),
            rescue=self.steps(own.get("rescue"), replace(inside, doubtful=True), at),
            always=self.steps(own.get("always"), inside, at),
            name=own.get("name") or Text("", at),
            at=at,
        )

    def _import_tasks(self, written: Written, scope: Scope) -> tuple[Step, ...]:
        check_keywords(written.own)
        inside = scope.within(merge(scope.keywords, written.own))
        name = known(file_name(written), inside)
        path = find_file(name, scope)
        if path is None:
            raise missing(name, scope, self._source)
        return self.file(path, self._source.tree(path), inside, written.action.at)

    def _import_role(self, written: Written, scope: Scope) -> tuple[Step, ...]:
        _no_handler(written, scope)
        check_keywords(written.own)
        call = role_call(written, static=True)
        found = self.role(call.use, scope.within(merge(scope.keywords, written.own)))
        scope.gathered.handlers += found.handlers
        if call.use.public:
            scope.gathered.roles += found.roles
        return found.steps

    def _include(self, written: Written, scope: Scope) -> Task:
        """A dynamic include: the task, after a look at what it would bring."""
        _no_handler(written, scope)
        task = tasks.build(written, scope)
        own_vars = written.own.get("vars", {})
        inner = merge(scope.keywords, {"vars": own_vars})
        if task.module == INCLUDE_TASKS:
            name, call = file_name(written), None
            inner = merge(inner, applied(task.arguments.get("apply"), task.at))
        else:
            call = role_call(written, static=False)
            name, inner = call.use.name, merge(inner, call.apply)
        task = replace(task, free_form=name, inner=inner, params=own_vars)
        if call is not None or is_template(name):
            scope.gathered.more_handlers = True
        if scope.look and not is_template(name):
            self._look(task, call, scope)
        return task

    def _look(self, task: Task, call: RoleCall | None, scope: Scope) -> None:
        """Read what `task` includes, so that what is wrong with it is told before anything runs.

        What may never run may be missing, include itself, or need what is not supported: that is a note.
        """
        doubtful = scope.doubtful or bool(task.keywords.when) or task.loop is not None
        since = len(scope.files) if doubtful else scope.since
        gathered = Gathered(tasks=scope.gathered.tasks, local=scope.gathered.local)
        seen = replace(
            scope.within(task.inner or scope.keywords), gathered=gathered, doubtful=doubtful, since=since, trial=True
        )
        try:
            if call is not None:
                self.role(call.use, seen)
            else:
                self._look_into_file(task, seen)
        except Unsupported as error:
            if not doubtful:
                raise
            scope.gathered.notes[f"{error} ({task.at} would fail if it came to it)"] = None
        scope.gathered.notes.update(gathered.notes)
        scope.gathered.notices += gathered.notices
        scope.gathered.more_handlers |= gathered.more_handlers or bool(gathered.handlers)
        scope.gathered.tasks = gathered.tasks
        scope.gathered.local |= gathered.local

    def _look_into_file(self, task: Task, scope: Scope) -> None:
        name = task.free_form or Text("")
        path = find_file(name, scope)
        if path is not None:
            self.file(path, self._source.tree(path), scope, task.at)
        elif not scope.doubtful:
            raise missing(name, scope, self._source)

    def _instance(self, folder: Folder, use: Use) -> str:
        """The same text for uses that Ansible takes for the same one (Role._get_hash_dict)."""
        allowed = folder.allow_duplicates if use.allow_duplicates is None else use.allow_duplicates
        if allowed:
            return f"{folder.path}#{next(self._numbers)}"
        own = use.own.get("when"), sorted(use.own.get("tags", ())), use.vars
        return repr((str(folder.path), use.params, own, use.parts, use.included))


def implicit(what: str, at: Position, around: Keywords, role: RoleRef | None = None) -> Task:
    """A ``meta`` task that nobody wrote."""
    keywords_ = Keywords(when=around.when, tags=around.tags | {"always"})
    return Task(Text("", at), META, {}, at, free_form=Text(what, at), keywords=keywords_, role=role, implicit=True)


def _no_handler(written: Written, scope: Scope) -> None:
    if scope.level is Level.HANDLER:
        short = written.action.module.removeprefix(BUILTIN)
        remedy = "Use import_tasks." if short == "include_tasks" else "Notify a handler of the role."
        raise Unsupported(f"{short} cannot be a handler", where=str(written.action.at), remedy=remedy)
