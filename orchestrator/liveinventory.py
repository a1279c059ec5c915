"""The inventory in force while the program runs: read anew when somebody edits it, kept when the edit is broken."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.inventory import Host, Inventory, fold, load

log = logging.getLogger(__name__)

_INTERVAL_S = 1.0

Signature = tuple[tuple[str, int, int, int], ...]


class LiveInventory:
    """`current` is the inventory in force, `problem` what is wrong with the files now, in one line, or empty."""

    def __init__(self, folder: Path) -> None:
        """Raises InventoryError: there is nothing older to go on with."""
        self._folder = folder
        self._listeners: list[Callable[[Inventory], None]] = []
        self._seen = _signature(folder)
        self.current: Inventory = load(folder)
        self.problem = ""
        for warning in self.current.warnings:
            log.warning("%s", warning)

    def subscribe(self, listener: Callable[[Inventory], None]) -> None:
        """Call `listener` with every new inventory, in the event loop."""
        self._listeners.append(listener)

    async def follow(self) -> None:
        """Look at the files every second, for ever."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            await self.refresh()

    async def refresh(self) -> None:
        """Look at the files once, now."""
        seen = await asyncio.to_thread(_signature, self._folder)
        if seen == self._seen:
            return
        # Taken before reading: an edit that comes while we read shows as a difference the next time.
        self._seen = seen
        try:
            fresh = await asyncio.to_thread(load, self._folder)
        except OrchestratorError as error:
            self.problem = str(error)
            log.error("the inventory stays as it was: %s", error)
            return
        self.problem = ""
        before, self.current = self.current, fresh
        log.info("the inventory was edited: %s", difference(before, fresh))
        for warning in set(fresh.warnings) - set(before.warnings):
            log.warning("%s", warning)
        for listener in self._listeners:
            listener(fresh)


def difference(before: Inventory, after: Inventory) -> str:
    """What an edit changed, in short: ``added web3; removed db1; changed web[1-2]``."""
    old = {host.name: host for host in before.hosts}
    new = {host.name: host for host in after.hosts}
    parts = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and _told(old[name]) != _told(new[name])],
    }
    said = [f"{word} {fold(names)}" for word, names in parts.items() if names]
    return "; ".join(said) or "no host changed"


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
