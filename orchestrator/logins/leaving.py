"""Hosts that left the inventory, or go on under another name: what becomes of what is kept of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from orchestrator.inventory import Host, Inventory
from orchestrator.inventory.departures import GONE_FOR_S, Departures
from orchestrator.logins.book import LoginBook
from orchestrator.store.database import Database, Transaction
from orchestrator.store.loginplaces import LoginPlaces
from orchestrator.store.loginrules import LoginRuleTable
from orchestrator.store.thresholds import Scope

log = logging.getLogger(__name__)

LEFT_FOR_S = 300.0
"""For so long nobody can say whether a session goes on: longer it must not look as if it did."""


class Leaving:
    """Knows hosts again by their place, and lets go of those that are none any more."""

    def __init__(self, database: Database, book: LoginBook, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._book = book
        self._rules = LoginRuleTable(database)
        self._open = Departures[str](LEFT_FOR_S, monotonic)
        self._scopes = Departures[Scope](GONE_FOR_S, monotonic)
        self._placed = Departures[str](GONE_FOR_S, monotonic)
        self._places: Mapping[str, str] = {}
        self._unsettled: set[str] = set()

    def keep(self, hosts: Iterable[Host]) -> None:
        """From now on these are all that are followed."""
        self._places = {host.name: place_of(host) for host in hosts}
        self._unsettled = set(self._places)

    async def settle(self, *names: str) -> None:
        """Before the logs of these are read: go on where they were under names that are gone. Raises StoreError."""
        places = {name: self._places[name] for name in names if name in self._places}

        def work(tx: Transaction) -> dict[str, str]:
            put = {name: LoginPlaces.put(tx, name, place, self._places) for name, place in places.items()}
            renamed = {name: before for name, before in put.items() if before}
            for name in renamed:
                self._book.renamed(tx, name)
            return renamed

        for name, before in (await self._database.write(work)).items():
            log.info("%s was %s: its log is read on from where that was", name, before)
        self._unsettled -= set(names)

    async def look(self, inventory: Inventory) -> None:
        """Look for what is gone. Raises StoreError."""
        if self._unsettled:  # who cannot be reached has not gone
            await self.settle(*self._unsettled)
        for name in self._open.gone(await self._book.hosts_with_open() - self._places.keys()):
            log.info("%s left the inventory: whether its open sessions go on is not known", name)
            await self._book.abandon(name)
        rows = await self._rules.rows()
        if scopes := self._scopes.gone({row.scope for row in rows if not row.scope.is_in(inventory)}):
            log.warning("forgot the login rules of what left the inventory: %s", ", ".join(sorted(map(str, scopes))))
            await self._rules.forget(scopes)
        if strangers := self._placed.gone(await self._database.read(LoginPlaces.hosts) - self._places.keys()):
            await self._database.write(lambda tx: LoginPlaces.forget(tx, strangers))


def place_of(host: Host) -> str:
    """How it is reached, whatever it is called."""
    if host.local:
        return "here"
    way = f" by {place_of(host.jump)}" if host.jump else ""
    return f"[{host.address}]:{host.port}{way}"
