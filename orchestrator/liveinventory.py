"""The inventory in force while the program runs: read anew when somebody edits it, kept when the edit is broken."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.inventory import Host, Inventory, fold, load

log = logging.getLogger(__name__)

_INTERVAL_S = 0.5

Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """The files cannot be used as they are now: why, and how many hosts the inventory that stays in force has."""

    error: OrchestratorError
    hosts: int


@dataclass(frozen=True, slots=True)
class Mended:
    """The files can be used again: `added`, `removed` and `changed` are folded names of hosts against what was in
    force; empty ones are left out.
    """

    changes: Mapping[str, str]


Watcher = Callable[[Broken | Mended], Awaitable[None]]


class LiveInventory:
    """`current` is the inventory in force, `problem` what is wrong with the files now, in one line, or empty."""

    def __init__(self, folder: Path) -> None:
        """Raises InventoryError: there is nothing older to go on with."""
        self._folder = folder
        self._listeners: list[Callable[[Inventory], None]] = []
        self._watchers: list[Watcher] = []
        self._refreshing = asyncio.Lock()
        self._seen = _signature(folder)
        self.current: Inventory = load(folder)
        self.problem = ""
        for warning in self.current.warnings:
            log.warning("%s", warning)

    @property
    def version(self) -> str:
        """Names the files as they were last looked at: the same in every process, another one after every edit."""
        return hashlib.sha256(repr(self._seen).encode()).hexdigest()[:16]

    def subscribe(self, listener: Callable[[Inventory], None]) -> None:
        """Call `listener` with every new inventory, in the event loop."""
        self._listeners.append(listener)

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` when the files break, when they break in another way, and when they are mended."""
        self._watchers.append(watcher)

    async def follow(self) -> None:
        """Look at the files twice a second, for ever.

        What is seen for the first time is let stand until the next look: an editor that writes in place may be in the
        middle of it, and half a file may well be an inventory with fewer hosts.
        """
        last = self._seen
        while True:
            await asyncio.sleep(_INTERVAL_S)
            seen = await asyncio.to_thread(_signature, self._folder)
            if seen == last != self._seen:
                await self.refresh()
            last = seen

    async def refresh(self) -> None:
        """Look at the files once, now."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        seen = await asyncio.to_thread(_signature, self._folder)
        if seen == self._seen:
            return
        # Taken before reading: an edit that comes while we read shows as a difference the next time.
        self._seen = seen
        problem = self.problem
        try:
            fresh = await asyncio.to_thread(load, self._folder)
        except OrchestratorError as error:
            self.problem = str(error)
            log.error("the inventory stays as it was: %s", error)
            if self.problem != problem:
                await self._tell(Broken(error, len(self.current.hosts)))
            return
        self.problem = ""
        before, self.current = self.current, fresh
        log.info("the inventory was edited: %s", difference(before, fresh))
        for warning in set(fresh.warnings) - set(before.warnings):
            log.warning("%s", warning)
        for listener in self._listeners:
            listener(fresh)
        if problem:
            await self._tell(Mended(changes(before, fresh)))

    async def _tell(self, event: Broken | Mended) -> None:
        for watcher in self._watchers:
            try:
                await watcher(event)
            except OrchestratorError as error:  # a full disk, say, must not end the watch over the files
                log.error("nobody could be told of the inventory: %s", error)


def difference(before: Inventory, after: Inventory) -> str:
    """What an edit changed, in short: ``added web3; removed db1; changed web[1-2]``."""
    said = [f"{word} {names}" for word, names in changes(before, after).items()]
    return "; ".join(said) or "no host changed"


def changes(before: Inventory, after: Inventory) -> Mapping[str, str]:
    """Folded names of the hosts that were ``added``, ``removed`` and ``changed``; nothing for what did not happen."""
    old = {host.name: host for host in before.hosts}
    new = {host.name: host for host in after.hosts}
    parts = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and _told(old[name]) != _told(new[name])],
    }
    return {word: fold(names) for word, names in parts.items() if names}


def _told(host: Host) -> object:
    """All that is said of a host, also what does not count when hosts are compared."""
    return host, host.groups, dict(host.vars), dict(host.labels)


def _signature(folder: Path) -> Signature:
    """What changes when a file below `folder` does: its name, inode, size or time of change."""
    found = []
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (".", *files):
            whole = Path(path, name)
            try:
                status = whole.stat()
            except OSError:
                continue
            found.append((str(whole), status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(sorted(found))
