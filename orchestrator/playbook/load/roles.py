"""Roles on disk: where they are looked for, and what their folders hold (ansible-core, playbook/role)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.inventory.variables import kind
from orchestrator.playbook.load import keywords
from orchestrator.playbook.load.keywords import COLLECTIONS, KEYWORDS, Level
from orchestrator.playbook.load.scope import Scope
from orchestrator.playbook.load.source import Source, line_of
from orchestrator.playbook.load.static import known
from orchestrator.playbook.load.values import flag, nearest, say, variables
from orchestrator.playbook.model import NOTHING, RoleRef
from orchestrator.playbook.text import Position, Text

_ENDINGS = (".yml", ".yaml", ".json")
_META = ("allow_duplicates", "argument_specs", "collections", "dependencies", "galaxy_info")


@dataclass(frozen=True, slots=True)
class Use:
    """One mention of a role: its keywords, its parameters, and which files of it are meant."""

    name: Text
    own: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    params: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    parts: Mapping[str, Text] = field(default_factory=lambda: NOTHING)
    allow_duplicates: bool | None = None
    included: bool = False
    public: bool = True

    @property
    def vars(self) -> Mapping[str, Any]:
        """The variables it is used with."""
        found: Mapping[str, Any] = self.own.get("vars", NOTHING)
        return found


@dataclass(frozen=True, slots=True)
class Folder:
    """What a role's folder says. `tasks` and `handlers` are a file and its tree, None where there is none."""

    name: str
    path: Path
    tasks: tuple[Path, Any] | None
    handlers: tuple[Path, Any] | None
    defaults: Mapping[str, Any]
    vars: Mapping[str, Any]
    dependencies: tuple[Use, ...]
    allow_duplicates: bool
    specified: bool


class Roles:
    """The roles of a run."""

    def __init__(self, source: Source, paths: Sequence[Path]) -> None:
        """`paths` are folders of roles beside the playbook's own."""
        self._source = source
        self._paths = tuple(paths)

    def use(self, written: Any, near: Position) -> Use:
        """An entry of ``roles`` or ``dependencies``: a name, or a mapping of keywords and parameters."""
        if isinstance(written, int) and not isinstance(written, bool):
            written = Text(str(written), near)
        if isinstance(written, Text):
            if "," in written:
                what = "a role with a version is for ansible-galaxy"
                raise Unsupported(what, where=str(written.at), remedy="Write the role's name alone.")
            return Use(written)
        at = line_of(written, near)
        if not isinstance(written, dict):
            raise PlaybookError(f"a role is a name or a mapping, not {say(written)}", where=str(at))
        name = written.get("role", written.get("name"))
        if not isinstance(name, Text) or not name:
            raise PlaybookError("a role without a name", where=str(at), remedy="Write role: NAME.")
        own = keywords.read(written, Level.ROLE, at)
        known = {keyword.name for keyword in keywords.at_level(Level.ROLE)} | {"role"}
        params = {key: value for key, value in written.items() if key not in known}
        return Use(name, own, variables(params, "a role", at))

    def read(self, use: Use, scope: Scope) -> Folder:
        """What the folder of the role `use` names holds. Raises PlaybookError when there is none, or for its files."""
        name = known(use.name, scope)
        path = self._find(name, scope)
        meta_file = self._file(path / "meta", None)
        meta = self._tree(meta_file) if meta_file else None
        at = Position(self._source.label(meta_file or path), 1)
        meta = self._meta(meta, at)
        found = [entry for entry in meta.get("dependencies") or [] if entry is not None]
        return Folder(
            name=path.name if name.startswith(("/", "~", ".")) else name,
            path=path,
            tasks=self._steps(path, "tasks", use),
            handlers=self._steps(path, "handlers", use),
            defaults=self._variables(path, "defaults", use),
            vars=self._variables(path, "vars", use),
            dependencies=tuple(self.use(entry, at) for entry in found),
            allow_duplicates=bool(flag(meta.get("allow_duplicates"), "allow_duplicates", at)),
            specified=bool(meta.get("argument_specs")) or bool(self._file(path / "meta", Text("argument_specs"))),
        )

    def _find(self, name: Text, scope: Scope) -> Path:
        beside = [role.path.parent for role in scope.roles][:1]
        folders = [scope.folder / "roles", *self._paths, *beside, scope.folder]
        for folder in folders:
            path = Path(os.path.normpath(folder / Path(name).expanduser()))
            if path.exists():
                if not path.is_dir():
                    raise PlaybookError(f"the role {name} is not a folder", where=str(name.at))
                return path
        if name.count(".") == 2 and name.rpartition(".")[0] not in COLLECTIONS:
            what = f"the role {name} of a collection is not supported"
            raise Unsupported(what, where=str(name.at), remedy="Copy the role into roles/ beside the playbook.")
        looked = ", ".join(self._source.label(folder) for folder in dict.fromkeys(folders))
        siblings = [entry.name for folder in folders[:-1] if folder.is_dir() for entry in folder.iterdir()]
        what = f"the role {name} was not found in {looked}{nearest(name, siblings)}"
        raise Unsupported(what, where=str(name.at))

    def _file(self, folder: Path, name: Text | None, *, folders_too: bool = False) -> Path | None:
        """The file of `name` (by default main) in a role's `folder`, its ending left out or not."""
        endings = (*_ENDINGS, "") if name is None else ("", *_ENDINGS)
        for ending in endings:
            path = folder / f"{name or 'main'}{ending}"
            if path.is_dir() and not folders_too:
                continue
            if path.exists():
                if name is not None and not path.resolve().is_relative_to(folder.resolve()):
                    raise PlaybookError(f"{name} lies outside of the role", where=str(name.at))
                return path
        return None

    def _steps(self, role: Path, kind_: str, use: Use) -> tuple[Path, Any] | None:
        name = use.parts.get(kind_)
        path = self._file(role / kind_, name)
        if path is None:
            if name is not None:
                raise Unsupported(f"the role {use.name} has no {kind_}/{name}", where=str(name.at))
            return None
        return path, self._tree(path)

    def _variables(self, role: Path, kind_: str, use: Use) -> Mapping[str, Any]:
        name = use.parts.get(kind_)
        path = self._file(role / kind_, name, folders_too=True)
        if path is None:
            if name is not None:
                raise Unsupported(f"the role {use.name} has no {kind_}/{name}", where=str(name.at))
            return NOTHING
        merged: dict[str, Any] = {}
        for file in _files(path):
            tree = self._tree(file)
            if tree is not None and not isinstance(tree, dict):
                what = f"variables are a mapping, this is {kind(tree)}"
                raise PlaybookError(what, where=str(line_of(tree, Position(self._source.label(file), 1))))
            merged |= tree or {}
        return merged

    def _tree(self, path: Path) -> Any:
        return self._source.tree(path)

    def _meta(self, tree: Any, at: Position) -> dict[str, Any]:
        if tree is None:
            return {}
        if not isinstance(tree, dict):
            raise PlaybookError(f"a role's meta is a mapping, this is {say(tree)}", where=str(at))
        for key in tree:
            if key not in _META and key not in KEYWORDS:
                place = key.at if isinstance(key, Text) else at
                raise PlaybookError(f"a role's meta has no {key}{nearest(str(key), _META)}", where=str(place))
        keywords.read({key: tree[key] for key in tree if key == "collections"}, Level.ROLE, at)
        dependencies = tree.get("dependencies")
        if dependencies is not None and not isinstance(dependencies, list):
            raise PlaybookError(f"dependencies are a list, not {say(dependencies)}", where=str(at))
        return tree


def reference(folder: Folder, use: Use, parent: RoleRef | None, dependencies: Sequence[RoleRef] = ()) -> RoleRef:
    """The role with what those that use it and those it depends on lend it (role/__init__.py, get_vars)."""
    above = (parent.passes or parent) if parent else RoleRef("", folder.path)
    lent = {name: value for each in dependencies for name, value in each.defaults.items()}
    exports = {name: value for each in dependencies for name, value in each.exports.items()}
    params = {**above.params, **use.params}
    return RoleRef(
        name=folder.name,
        path=folder.path,
        defaults={**lent, **above.defaults, **folder.defaults},
        vars={**above.vars, **exports, **folder.vars, **params, **use.vars},
        params=params,
        exports={**exports, **folder.vars},
        parent=parent,
    )


def _files(path: Path) -> Iterator[Path]:
    """The file, or those of variables in a folder and below, by name (dataloader.py, _get_dir_vars_files)."""
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        if entry.is_dir() and not entry.suffix:
            yield from _files(entry)
        elif entry.is_file() and entry.suffix in (*_ENDINGS, ""):
            yield entry
