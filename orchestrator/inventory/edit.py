"""Editing inventory files: as a careful person would, and never past somebody else's edit."""

from __future__ import annotations

import difflib
import fcntl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.atomicfile import write_atomically
from orchestrator.errors import InventoryError, UnknownHost, UsageError
from orchestrator.inventory.connection import SYNONYMS
from orchestrator.inventory.document import Document
from orchestrator.inventory.files import read_text
from orchestrator.inventory.inventory import Inventory
from orchestrator.inventory.load import load
from orchestrator.inventory.model import Host
from orchestrator.inventory.ranges import expand

HISTORY = 50  # versions kept of each file
_FIRST_FILE = "hosts.yml"
_SHORT = frozenset(spelling for field in ("address", "port", "user", "key", "become") for spelling in SYNONYMS[field])


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that was worked out and proven to mean what was asked for, not yet written: see `Editor.write`.

    `inventory` is what the folder means with it.
    """

    path: Path
    label: str
    before: str | None
    after: str
    inventory: Inventory

    @property
    def diff(self) -> list[str]:
        """The lines that change, unified; empty when nothing does."""
        before = (self.before or "").splitlines()
        return list(difflib.unified_diff(before, self.after.splitlines(), self.label, self.label, lineterm="", n=2))


class Editor:
    """Edits the inventory in `folder`; versions that were replaced are kept in `history`.

    Every edit is read back by the loader before it is offered: hosts that it is not about must come out as they were,
    the others as asked. Raises InventoryError, UnknownHost and UsageError, and then nothing was written.
    """

    def __init__(self, folder: Path, history: Path) -> None:
        self._folder = folder
        self._history = history

    def add(self, name: str, variables: Mapping[str, Any], groups: Sequence[str] = ()) -> Edit:
        """A new host, or hosts of a range (``web[1:3]``), in `groups` (the variables are written in the first)."""
        inventory = load(self._folder)
        new, _ = expand(name)
        for host in new:
            if host in inventory.hosts:
                raise UsageError(f"{host} is in the inventory already", remedy=f"Change it with: inventory set {host}")
        unknown = [name for name in variables if name in ("groups", "hosts", "children")]
        if unknown:
            raise UsageError(f"{unknown[0]} is no variable of a host")
        draft = self._home_of(groups[0] if groups else "all", inventory)
        for number, group in enumerate(groups or ("all",)):
            draft.document.add(name, variables if number == 0 else {}, group)

        def judge(after: Inventory) -> None:
            for host in new:
                if host not in after.hosts:
                    raise InventoryError(f"{host} could not be added", where=draft.label, remedy="Edit it by hand")
                _expect(after.hosts[host], variables)
                missing = set(groups) - set(after.hosts[host].groups)
                if missing:
                    raise InventoryError(f"{host} would not be in {', '.join(missing)}", where=draft.label)

        return self._proven(draft, inventory, new, judge)

    def take_over(self, other: Inventory) -> tuple[Edit | None, list[str]]:
        """The hosts of another inventory that are not here yet, with their variables and groups; and a note on each.

        The edit is None when there is nothing to add. Variables of groups are written to each host.
        """
        inventory = load(self._folder)
        draft = self._home_of("all", inventory)
        notes: list[str] = list(other.warnings)
        new: dict[str, Host] = {}
        for host in other.hosts:
            if host.name not in inventory.hosts:
                variables = _short(host)
                for number, group in enumerate(_written_groups(host) or ("all",)):
                    draft.document.add(host.name, variables if number == 0 else {}, group)
                new[host.name] = host
                groups = f" to {', '.join(_written_groups(host))}" if _written_groups(host) else ""
                notes.append(f"{host.name}: added{groups}")
            elif inventory.hosts[host.name] == host:
                notes.append(f"{host.name}: is here already")
            else:
                notes.append(f"{host.name}: is here already, reached in another way, which stays")

        def judge(after: Inventory) -> None:
            for name, host in new.items():
                _expect(after.hosts[name], _short(host))

        return (self._proven(draft, inventory, new, judge) if new else None), notes

    def remove(self, name: str) -> Edit:
        """Take a host out of every group of the file that it is written in."""
        inventory = load(self._folder)
        host = inventory.host(name)
        for draft in self._drafts(inventory):
            if draft.document.remove(host.name):
                return self._proven(draft, inventory, [host.name], _gone(host.name, draft.label))
        raise self._not_written(host.name, inventory)

    def set(self, name: str, changes: Mapping[str, Any]) -> Edit:
        """Give a host or a group variables; a value of None takes one away."""
        inventory = load(self._folder)
        if name in inventory.groups and name not in inventory.hosts:
            return self._set_group(name, changes, inventory)
        host = inventory.host(name)
        for draft in self._drafts(inventory):
            hosts = draft.document.covering(host.name)
            if hosts is not None:
                own = hosts.get(host.name) or {}
                for variable, value in changes.items():
                    draft.document.set(hosts, host.name, _spelling(variable, own), value)
                return self._proven(
                    draft, inventory, [host.name], lambda after: _expect(after.hosts[host.name], changes)
                )
        raise self._not_written(host.name, inventory)

    def write(self, edit: Edit) -> None:
        """Put an edit into force, keeping the version it replaces; raises InventoryError if the file was changed since.

        Atomic: whoever reads meanwhile sees the old file or the new one, whole.
        """
        self._history.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._history / ".lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            now = read_text(edit.path, edit.label) if edit.path.exists() else None
            if now != edit.before:
                raise InventoryError("was changed by somebody else meanwhile", where=edit.label, remedy="Try again")
            try:
                if edit.before is not None:
                    self._keep(edit)
                write_atomically(edit.path.resolve(), edit.after.encode())
            except OSError as error:
                what = f"cannot be written: {(error.strerror or str(error)).lower()}; it is as it was"
                raise InventoryError(what, where=edit.label) from error

    # -- inside

    def _set_group(self, group: str, changes: Mapping[str, Any], inventory: Inventory) -> Edit:
        members = inventory.groups[group].hosts

        def judge(after: Inventory) -> None:
            for name, value in changes.items():
                if value is not None and after.groups[group].vars.get(name) != value:
                    raise InventoryError(f"{name} of {group} is also set elsewhere", where=f"group_vars/{group}")

        for draft in self._drafts(inventory):
            if all(draft.document.set_group(group, name, value) for name, value in changes.items()):
                return self._proven(draft, inventory, members.names, judge)
        raise InventoryError(f"the group {group} is in no YAML file", where=str(self._folder), remedy="Edit it by hand")

    def _drafts(self, inventory: Inventory) -> Iterator[_Draft]:
        """The YAML inventories of the folder, ready to be edited."""
        for path in inventory.sources:
            relative = path.relative_to(self._folder)
            if path.suffix in (".yml", ".yaml") and relative.parts[0] not in ("group_vars", "host_vars"):
                text = read_text(path, str(relative))
                yield _Draft(Document(text, str(relative)), path, text)

    def _home_of(self, group: str, inventory: Inventory) -> _Draft:
        """The file that `group` is written in, else the first one, else a new one."""
        drafts = list(self._drafts(inventory))
        if not drafts:
            return _Draft(Document("", _FIRST_FILE), self._folder / _FIRST_FILE, None)
        return next((draft for draft in drafts if group in dict(draft.document.sections())), drafts[0])

    def _proven(
        self, draft: _Draft, old: Inventory, touched: Iterable[str], judge: Callable[[Inventory], None]
    ) -> Edit:
        """The edit, once the loader has read it back as it was meant: `judge` looks at the hosts it is about."""
        text = draft.document.text
        after = load(self._folder, edited={draft.path: text})
        judge(after)
        for name in {*old.hosts.names, *after.hosts.names} - set(touched):
            if _facts(old, name) != _facts(after, name):
                what = f"this would change {name}, too"
                raise InventoryError(what, where=draft.label, remedy="Edit it by hand (an anchor or a merge key?)")
        return Edit(draft.path, draft.label, draft.before, text, after)

    def _not_written(self, name: str, inventory: Inventory) -> InventoryError | UnknownHost:
        for draft in self._drafts(inventory):
            if draft.document.covering(name) is not None:
                return InventoryError(f"{name} is part of a range", where=draft.label, remedy="Edit it by hand")
        what = f"{name} is not written in a YAML inventory, and other files are not edited"
        return InventoryError(what, where=str(self._folder), remedy="Move it with: orchestrator inventory import FILE")

    def _keep(self, edit: Edit) -> None:
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        flat = edit.label.replace("/", "__")
        (self._history / f"{flat}.{stamp}").write_text(edit.before or "", encoding="utf-8")
        for old in sorted(self._history.glob(f"{flat}.*"))[:-HISTORY]:
            old.unlink()


class _Draft(NamedTuple):
    """A file in the making: `before` is the text it was read as, None for a file that is not there yet."""

    document: Document
    path: Path
    before: str | None

    @property
    def label(self) -> str:
        return self.document.label


def _gone(name: str, label: str) -> Callable[[Inventory], None]:
    def judge(after: Inventory) -> None:
        if name in after.hosts:
            raise InventoryError(f"{name} is also defined elsewhere", where=label, remedy="Remove it there, too")

    return judge


def _expect(host: Host, variables: Mapping[str, Any]) -> None:
    """Raise when a host did not come out as asked, because a file of higher precedence says otherwise."""
    for name, value in variables.items():
        known = [host.vars[spelling] for spelling in _spellings(name) if spelling in host.vars]
        if value is not None and known != [value]:
            raise InventoryError(
                f"{name} of {host.name} is also set elsewhere", where=f"host_vars/{host.name}", remedy="Change it there"
            )


def _facts(inventory: Inventory, name: str) -> object:
    if name not in inventory.hosts:
        return None
    host = inventory.hosts[name]
    own, jump = replace(host, jump=None), host.jump
    # A jump host of the inventory is judged by itself: an edit of it is no change of those behind it.
    way = jump.name if jump is not None and jump.name in inventory.hosts else jump
    return own, way, dict(host.vars), set(host.groups), dict(host.labels)


def _short(host: Host) -> dict[str, Any]:
    """A host's variables under our short names where there are such."""
    return {_spellings(name)[0] if name in _SHORT else name: value for name, value in host.vars.items()}


def _written_groups(host: Host) -> tuple[str, ...]:
    return tuple(group for group in host.groups if group not in ("all", "ungrouped"))


def _spellings(name: str) -> tuple[str, ...]:
    return next((names for names in SYNONYMS.values() if name in names), (name,))


def _spelling(name: str, own: Mapping[str, Any]) -> str:
    """The name under which an entry has this variable already: ``ansible_port`` stays ``ansible_port``."""
    return next((spelling for spelling in _spellings(name) if spelling in own), name)
