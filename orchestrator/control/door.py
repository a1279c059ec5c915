"""The one door between wanting and doing.

Every face asks here, so that no face can forget a check: is it confirmed, is it written down, and what came of it.
No audit, no action: when the intent cannot be written, nothing is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from orchestrator.control.action import Action, Actor, Face, Risk
from orchestrator.errors import Refused, StoreError
from orchestrator.store import AuditLog, Entry

log = logging.getLogger(__name__)

CONFIRM_WITHIN_S = 120.0
WAIVER_S = 600.0


class NotConfirmed(Refused):
    """The action needs the asker's explicit yes first. `waivable`: may offer not to ask again for a while."""

    def __init__(self, action: Action, *, waivable: bool) -> None:
        super().__init__("this needs to be confirmed", where=action.targets.folded)
        self.action = action
        self.waivable = waivable


class Passage:
    """An open door: record the outcome of the work on it."""

    def __init__(self) -> None:
        self.outcome: Mapping[str, Any] = {"status": "unknown"}

    def record(self, outcome: Mapping[str, Any]) -> None:
        """`outcome` is what the audit keeps: statuses per host, counts, hashes; never secrets or whole outputs."""
        self.outcome = dict(outcome)


class Door:
    """Judges and records actions. `monotonic` gives seconds of a clock that never jumps."""

    def __init__(self, audit: AuditLog, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._monotonic = monotonic
        self._waivers: dict[tuple[str, str], float] = {}

    def waive(self, actor: Actor, kind: str) -> None:
        """Stop asking `actor` to confirm actions of `kind` for ten minutes; a restart asks again."""
        self._waivers[actor.id, kind] = self._monotonic() + WAIVER_S

    @asynccontextmanager
    async def open(self, actor: Actor, action: Action, *, confirmed: bool = False) -> AsyncIterator[Passage]:
        """Let `actor` do `action` in the block, between an intent and a result in the audit.

        Raises `NotConfirmed` before anything happens, and `StoreError` when the intent cannot be written. A block that
        leaves without `record` is audited as unknown; one that raises, by its error; one cancelled, as cancelled.
        When the result cannot be written, that is logged, and the intent alone remains, which means unknown.
        """
        if not confirmed and self._must_confirm(actor, action):
            raise NotConfirmed(action, waivable=action.risk is not Risk.DESTRUCTIVE)
        entry = Entry(actor.id, actor.face, action.kind, action.summary, action.targets.names)
        intent = await self._audit.intent(entry)
        passage = Passage()
        try:
            yield passage
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
            passage.record({**passage.outcome, "status": "cancelled"})
            raise
        except Exception as error:
            passage.record({**passage.outcome, "status": "error", "error": str(error)})
            raise
        finally:
            await asyncio.shield(self._result(intent, entry, passage.outcome))

    async def _result(self, intent: int, entry: Entry, outcome: Mapping[str, Any]) -> None:
        # Never raised: what was done is done, and the asker must hear of it all the same.
        try:
            await self._audit.result(intent, entry, outcome)
        except StoreError as error:
            log.error(
                "the audit has no outcome of no. %d (%s), so it counts as unknown: %s", intent, entry.action, error
            )

    def _must_confirm(self, actor: Actor, action: Action) -> bool:
        if action.risk is Risk.DESTRUCTIVE:
            return True
        if action.risk is Risk.SHELL and actor.face is not Face.CLI and len(action.targets) > 1:
            return self._waivers.get((actor.id, action.kind), 0.0) <= self._monotonic()
        return False
