"""The loader: a playbook as values, everything that can be known before anything runs being known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load import extra
from orchestrator.playbook.load.includes import called, find_file, missing
from orchestrator.playbook.load.plays import Plays, variables_of
from orchestrator.playbook.load.roles import Roles
from orchestrator.playbook.load.scope import Gathered, Scope
from orchestrator.playbook.load.source import Decrypts, Source
from orchestrator.playbook.load.unfold import Unfolder
from orchestrator.playbook.model import NOTHING, Included, Keywords, Playbook, Task
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.text import Text, trusted


class Loader:
    """Reads the files of one run, each once."""

    def __init__(
        self,
        *,
        vault: Decrypts | None = None,
        secrets: Secrets | None = None,
        roles_path: Sequence[Path] = (),
        base: Path | None = None,
    ) -> None:
        """`roles_path` are folders of roles beside those of the playbook. Names in errors are seen from `base`, by
        default the current folder, which relative paths are, too. `secrets` learns what encrypted files hold."""
        self._base = (base or Path.cwd()).absolute()
        self._source = Source(self._base, vault, secrets)
        roles = Roles(self._source, [self._base / path for path in roles_path])
        self._unfolder = Unfolder(self._source, roles)
        self._plays = Plays(self._source, roles, self._unfolder)

    def playbook(self, path: Path, extra_vars: Mapping[str, Any] = NOTHING) -> Playbook:
        """The playbook at `path`, imports and roles unfolded; their names may use `extra_vars`.

        Raises PlaybookError in one line with ``file:line`` for all that is wrong, `Unsupported` for what Ansible may
        know and we do not.
        """
        return self._plays.playbook(self._base / path, extra_vars)

    @property
    def digest(self) -> str:
        """Tells the files read so far, of playbooks, roles and variables, from any others: SHA-256 in hexadecimal."""
        return self._source.digest

    def include_tasks(self, name: str | Path, by: Task) -> Included:
        """What the file that the task `by` includes brings; a relative `name` is looked for as Ansible does.

        Raises PlaybookError.
        """
        scope = self._scope(by)
        wanted = Text(str(name), by.at)
        path = find_file(wanted, scope)
        if path is None:
            raise missing(wanted, scope, self._source)
        steps = self._unfolder.file(path, self._source.tree(path), scope, by.at)
        return Included(steps, tuple(scope.gathered.handlers), tuple(scope.gathered.roles))

    def include_role(self, arguments: Mapping[str, Any], by: Task) -> Included:
        """What the role brings that the task `by` includes with `arguments`, rendered. Raises PlaybookError."""
        scope = self._scope(by)
        use = called(trusted(dict(arguments), by.at), by.params, by.at, static=False).use
        found = self._unfolder.role(use, scope)
        shown = (*scope.gathered.roles, *(found.roles if use.public else ()))
        return replace(found, handlers=(*found.handlers, *scope.gathered.handlers), roles=shown)

    def vars_file(self, path: Path) -> Mapping[str, Any]:
        """The variables of a YAML or JSON file, vaulted as a whole or not. Raises PlaybookError."""
        return variables_of(self._source, self._base / path)

    def extra_vars(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """The variables of ``-e``: ``k=v k2="a b"``, ``@file``, JSON or YAML. Raises PlaybookError."""
        found: dict[str, Any] = {}
        for given in texts:
            found |= self.vars_file(Path(given[1:])) if given.startswith("@") else extra.read(given, self._source)
        return found

    def _scope(self, by: Task) -> Scope:
        if not by.files:
            raise PlaybookError("the task is not from a file", where=str(by.at))
        return Scope(
            gathered=Gathered(),
            files=by.files,
            keywords=by.inner or Keywords(),
            role=by.role,
            since=len(by.files),
            look=False,
        )
