"""Small things a person chose, such as the language."""

from __future__ import annotations

from orchestrator.store.database import Database


class Preferences:
    """Named values of an actor."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, actor: str, name: str) -> str | None:
        """The value, or None when never set."""
        row = await self._database.read(
            lambda tx: tx.execute(
                "SELECT value FROM preferences WHERE actor = ? AND name = ?", (actor, name)
            ).fetchone()
        )
        return None if row is None else str(row["value"])

    async def set(self, actor: str, name: str, value: str) -> None:
        """Remember a value, in place of an earlier one."""
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT INTO preferences (actor, name, value) VALUES (?, ?, ?)"
                " ON CONFLICT (actor, name) DO UPDATE SET value = excluded.value",
                (actor, name, value),
            )
        )
