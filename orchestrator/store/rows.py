"""Rows that have an `id`, in a table with the columns of a dataclass: put down, and forgotten. Inside a transaction.

Names of tables and columns are words of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.store.database import Transaction

AT_ONCE = 5_000  # are forgotten: more than can have come since the last time


def put_row(tx: Transaction, table: str, values: Mapping[str, Any]) -> int:
    """Write one down, as a new one if its id is 0; returns its id."""
    names = [name for name in values if name != "id"]
    if values["id"]:
        changes = ", ".join(f"{name} = :{name}" for name in names)
        tx.execute(f"UPDATE {table} SET {changes} WHERE id = :id", values)  # noqa: S608
        return int(values["id"])
    places = ", ".join(f":{name}" for name in names)
    done = tx.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", values)  # noqa: S608
    assert done.lastrowid is not None
    return done.lastrowid


def forget_old(tx: Transaction, table: str, order: str, *, before: float, most: int) -> None:
    """Drop rows whose time `order` is `before` that, and what is more than `most`, of the `host` that has most of it:
    some at a time.
    """
    tx.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {order} < ? LIMIT ?)",  # noqa: S608
        (before, AT_ONCE),
    )
    tx.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE host ="  # noqa: S608
        f" (SELECT host FROM {table} GROUP BY host ORDER BY count(*) DESC LIMIT 1) ORDER BY {order}"
        f" LIMIT max(0, min(?, (SELECT count(*) FROM {table}) - ?)))",
        (AT_ONCE, most),
    )
