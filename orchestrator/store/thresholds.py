"""Thresholds that somebody set: for the fleet, for a group, or for a host."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orchestrator.inventory import Inventory
from orchestrator.store.database import Database


class ScopeKind(StrEnum):
    """How much of the fleet a threshold is for."""

    FLEET = "fleet"
    GROUP = "group"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a threshold is for; the fleet has no `name`."""

    kind: ScopeKind
    name: str = ""

    def __str__(self) -> str:
        """``fleet``, ``group web``, ``host web1``."""
        return f"{self.kind} {self.name}".rstrip()

    def is_in(self, inventory: Inventory) -> bool:
        """Whether there is such a host or group; the fleet always is."""
        match self.kind:
            case ScopeKind.HOST:
                return self.name in inventory.hosts or self.name == inventory.server.name
            case ScopeKind.GROUP:
                return self.name in inventory.groups
        return True

    @classmethod
    def parse(cls, text: str) -> Scope:
        """What `str` gave; raises ValueError."""
        kind, _, name = text.partition(" ")
        return cls(ScopeKind(kind), name)


FLEET = Scope(ScopeKind.FLEET)


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """Who set the threshold of a `metric` for a `scope`, and when. `value` is a ratio, or what the metric counts in."""

    scope: Scope
    metric: str
    value: float
    actor: str
    at: datetime


class ThresholdTable:
    """The table of them, one row for a scope and a metric."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self) -> list[ThresholdRow]:
        """All of them."""
        found = await self._database.read(
            lambda tx: tx.execute("SELECT * FROM thresholds ORDER BY kind, name, metric").fetchall()
        )
        return [
            ThresholdRow(
                Scope(ScopeKind(row["kind"]), row["name"]),
                row["metric"],
                row["value"],
                row["actor"],
                datetime.fromtimestamp(row["at"], UTC),
            )
            for row in found
        ]

    async def set(self, scope: Scope, metric: str, value: float, actor: str) -> None:
        """Remember one, in place of an earlier one."""
        row = (scope.kind.value, scope.name, metric, value, actor, time.time())
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT OR REPLACE INTO thresholds (kind, name, metric, value, actor, at) VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        )

    async def remove(self, scope: Scope, metric: str) -> bool:
        """Forget one; False when there was none."""
        key = (scope.kind.value, scope.name, metric)
        return await self._database.write(
            lambda tx: tx.execute("DELETE FROM thresholds WHERE kind = ? AND name = ? AND metric = ?", key).rowcount > 0
        )

    async def forget(self, scopes: Iterable[Scope]) -> None:
        """Forget all of these scopes."""
        keys = [(scope.kind.value, scope.name) for scope in scopes]
        await self._database.write(
            lambda tx: tx.executemany("DELETE FROM thresholds WHERE kind = ? AND name = ?", keys)
        )
