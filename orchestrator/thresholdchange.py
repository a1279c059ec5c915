"""A threshold, changed through the door: what the chat and the command line have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.alerts.scales import Scale, scale_of
from orchestrator.alerts.thresholds import DEFAULT, Asked, Threshold, Thresholds
from orchestrator.control import Actor, Door, SetThreshold
from orchestrator.inventory import HostSet
from orchestrator.store.thresholds import Scope


@dataclass(frozen=True, slots=True)
class Change:
    """What a threshold is to be: `value` on its `scale` for all in `scope`, or none of its own."""

    scope: Scope
    scale: Scale
    value: float | None

    @classmethod
    def of(cls, asked: Asked, thresholds: Thresholds) -> Change:
        """Understand what somebody asked. Raises UsageError and UnknownHost."""
        scale = scale_of(asked.metric)
        value = None if asked.value.lower() == DEFAULT else scale.parse(asked.value)
        return cls(thresholds.scope(asked.agent), scale, value)


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change: `before` and `after` are the thresholds of its `hosts`, with the names of those that have
    them. `done` is False when there was none to take away.
    """

    change: Change
    hosts: HostSet
    before: Mapping[Threshold, Sequence[str]]
    after: Mapping[Threshold, Sequence[str]]
    done: bool


async def change_threshold(change: Change, actor: Actor, door: Door, thresholds: Thresholds) -> Changed:
    """Do it. Raises what the door raises, and StoreError."""
    scope, metric = change.scope, change.scale.name
    shown = DEFAULT if change.value is None else change.scale.show(change.value)
    hosts = thresholds.hosts(scope)
    async with door.open(actor, SetThreshold(hosts, metric, str(scope), shown)) as passage:
        await thresholds.refresh()
        before = thresholds.of_all(hosts, metric)
        if change.value is None:
            done = await thresholds.reset(scope, metric)
        else:
            await thresholds.set(scope, metric, change.value, actor.id)
            done = True
        passage.record({"status": "ok" if done else "unchanged"})
    return Changed(change, hosts, before, thresholds.of_all(hosts, metric), done)
