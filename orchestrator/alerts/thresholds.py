"""From where a reading is high: for each host its own threshold, else its group's, else the fleet's, else the default.

What is set here acts in Prometheus by way of ``orchestrator_threshold_ratio{host,metric}`` on our ``/metrics``, which
the rules join with; what is not served there is the default of the rules. So a change takes one scrape and one
evaluation, and nothing is reloaded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.alerts.scales import SCALES, scale_of
from orchestrator.errors import UnknownHost, UsageError
from orchestrator.inventory import Host, HostSet, Inventory
from orchestrator.inventory.departures import GONE_FOR_S, Departures
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind, ThresholdRow, ThresholdTable

log = logging.getLogger(__name__)

DEFAULT = "default"
_USAGE = "Say: [HOST|GROUP|all] [METRIC] [VALUE|default]"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value (a ratio, or what the metric counts in) and its `origin`: default, fleet, group web, host web1."""

    value: float
    origin: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked of thresholds: which of them (empty: all), and what to make of that one (empty: look)."""

    agent: str = ""
    metric: str = ""
    value: str = ""

    @classmethod
    def parse(cls, words: Sequence[str]) -> Asked:
        """Understand ``[AGENT] [METRIC] [VALUE]``; a value without an agent is for ``all``. Raises UsageError."""
        match words:
            case []:
                return cls()
            case [word]:
                return cls(metric=word.lower()) if word.lower() in SCALES else cls(agent=word)
            case [metric, value] if metric.lower() in SCALES and value.lower() not in SCALES:
                return cls("all", metric.lower(), value)
            case [agent, metric]:
                return cls(agent, scale_of(metric).name)
            case [agent, metric, value]:
                return cls(agent, scale_of(metric).name, value)
        raise UsageError("too many words for a threshold", remedy=_USAGE)


class Thresholds:
    """The thresholds in force, as the table was at the last `refresh`; other processes may change it, too.

    `inventory` gives the inventory in force. What was set for a host or group that is not in it has no effect.
    `monotonic` gives seconds of a clock that never jumps.
    """

    def __init__(
        self,
        table: ThresholdTable,
        inventory: Callable[[], Inventory],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._inventory = inventory
        self._rows: Mapping[tuple[Scope, str], ThresholdRow] = {}
        self._departures = Departures[Scope](GONE_FOR_S, monotonic)

    async def refresh(self) -> None:
        """Look at the table; raises StoreError, and then all stays as it was."""
        self._rows = {(row.scope, row.metric): row for row in await self._table.rows()}

    def of(self, host: Host, metric: str) -> Threshold:
        """The threshold of a host: its own beats its groups' (the deepest first, as with variables of Ansible's), which
        beat the fleet's. Raises KeyError for a metric that has none.
        """
        for scope in self._scopes(host):
            if row := self._rows.get((scope, metric)):
                return Threshold(row.value, str(scope))
        return Threshold(SCALES[metric].default, DEFAULT)

    def differing(self) -> Sequence[tuple[str, str, float]]:
        """Host, metric and value of each threshold that is not the default."""
        set_for = {metric for _, metric in self._rows}
        inventory = self._inventory()
        hosts = list(inventory.hosts)
        if inventory.server.name not in inventory.hosts:
            hosts.append(inventory.server)
        found = []
        for metric in (metric for metric in SCALES if metric in set_for):
            default = SCALES[metric].default
            values = ((host.name, metric, self.of(host, metric).value) for host in hosts)
            found += [each for each in values if each[2] != default]
        return found

    def rows(self) -> Sequence[ThresholdRow]:
        """What was set and has an effect: the fleet's first, then groups', then hosts'."""
        order = list(ScopeKind)
        kept = [row for row in self._rows.values() if row.scope.is_in(self._inventory())]
        return sorted(
            kept, key=lambda row: (order.index(row.scope.kind), row.scope.name, list(SCALES).index(row.metric))
        )

    def scope(self, agent: str) -> Scope:
        """What a threshold for `agent` is set for: a host, a group, or ``all``. Raises UnknownHost."""
        inventory = self._inventory()
        if agent in ("", "all"):
            return FLEET
        if agent in inventory.groups and agent not in inventory.hosts:
            return Scope(ScopeKind.GROUP, agent)
        try:
            return Scope(ScopeKind.HOST, inventory.host(agent).name)
        except UnknownHost as error:
            raise UnknownHost(error.what, remedy=f"{error.remedy} Name one host, a group, or all") from None

    def hosts(self, scope: Scope) -> HostSet:
        """The hosts that a threshold of this scope is for."""
        inventory = self._inventory()
        match scope.kind:
            case ScopeKind.HOST:
                known = scope.name in inventory.hosts or scope.name == inventory.server.name
                return HostSet([inventory.host(scope.name)] if known else [])
            case ScopeKind.GROUP:
                return inventory.groups[scope.name].hosts if scope.name in inventory.groups else HostSet()
        return inventory.hosts or HostSet([inventory.server])

    def of_all(self, hosts: Iterable[Host], metric: str) -> Mapping[Threshold, Sequence[str]]:
        """The thresholds of hosts with the names of those that have them, the most common first."""
        found: dict[Threshold, list[str]] = {}
        for host in hosts:
            found.setdefault(self.of(host, metric), []).append(host.name)
        return dict(sorted(found.items(), key=lambda each: -len(each[1])))

    async def set(self, scope: Scope, metric: str, value: float, actor: str) -> None:
        """Put one in force; raises StoreError."""
        await self._table.set(scope, metric, value, actor)
        await self.refresh()

    async def reset(self, scope: Scope, metric: str) -> bool:
        """Take one away, so that a weaker one counts; False when none was set."""
        removed = await self._table.remove(scope, metric)
        await self.refresh()
        return removed

    async def forget_removed(self) -> None:
        """Forget what was set for hosts and groups that have been gone for GONE_FOR_S: it is not for new ones that take
        their names.
        """
        await self.refresh()
        scopes = {row.scope for row in self._rows.values() if not row.scope.is_in(self._inventory())}
        if gone := self._departures.gone(scopes):
            log.warning("forgot the thresholds of what left the inventory: %s", ", ".join(sorted(map(str, gone))))
            await self._table.forget(gone)
            await self.refresh()

    def _scopes(self, host: Host) -> list[Scope]:
        """Where to look for a host's threshold, the strongest first."""
        groups = reversed(self._inventory().groups_of(host))
        return [Scope(ScopeKind.HOST, host.name), *(Scope(ScopeKind.GROUP, group) for group in groups), FLEET]
