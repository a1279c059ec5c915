"""What somebody set about the telling of logins: for the fleet, for a group, or for a host."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.store.database import Database, Transaction
from orchestrator.store.thresholds import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class LoginRuleRow:
    """Who set what, and when. `kind` is ``known`` (`value` is a network), ``quiet`` (a user) or ``tell`` (sudo, su,
    accounts or keys); `on` is False where a stronger scope takes back what a weaker one says.
    """

    scope: Scope
    kind: str
    value: str
    on: bool
    actor: str
    at: datetime


class LoginRuleTable:
    """The table of them, one row for a scope, a kind and a value."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def within(tx: Transaction) -> list[LoginRuleRow]:
        """All of them, inside a transaction."""
        rows = tx.execute("SELECT * FROM login_rules ORDER BY scope, name, kind, value").fetchall()
        return [
            LoginRuleRow(
                Scope(ScopeKind(row["scope"]), row["name"]),
                row["kind"],
                row["value"],
                bool(row["is_on"]),
                row["actor"],
                datetime.fromtimestamp(row["at"], UTC),
            )
            for row in rows
        ]

    async def rows(self) -> list[LoginRuleRow]:
        """All of them."""
        return await self._database.read(self.within)

    async def set(self, scope: Scope, kind: str, value: str, *, on: bool, actor: str) -> None:
        """Remember one, in place of an earlier one."""
        row = (scope.kind.value, scope.name, kind, value, on, actor, time.time())
        await self._database.write(
            lambda tx: tx.execute("INSERT OR REPLACE INTO login_rules VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        )

    async def remove(self, scope: Scope, kind: str, value: str) -> bool:
        """Forget one; False when there was none."""
        key = (scope.kind.value, scope.name, kind, value)
        return await self._database.write(
            lambda tx: (
                (
                    tx.execute("DELETE FROM login_rules WHERE scope = ? AND name = ? AND kind = ? AND value = ?", key)
                ).rowcount
                > 0
            )
        )

    async def forget(self, scopes: Iterable[Scope]) -> None:
        """Forget all of these scopes."""
        keys = [(scope.kind.value, scope.name) for scope in scopes]
        await self._database.write(
            lambda tx: tx.executemany("DELETE FROM login_rules WHERE scope = ? AND name = ?", keys)
        )
