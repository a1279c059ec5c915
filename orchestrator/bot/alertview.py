"""An incident as a message, with what else is known of it: by whose threshold it was judged, and how high it went."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from math import ceil, floor, isclose

from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.alerts.scales import JUDGED
from orchestrator.alerts.thresholds import DEFAULT
from orchestrator.bot.language import Locale
from orchestrator.bot.message import Message
from orchestrator.bot.render import alerts
from orchestrator.inventory import Inventory
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import CHARTED, Metric
from orchestrator.monitor.window import Window
from orchestrator.readings import Readings

log = logging.getLogger(__name__)

PEAK_WITHIN_S = 2.0  # the end of an alert is told without its peak rather than late


class AlertView:
    """Draws incidents. `inventory` gives the inventory in force."""

    def __init__(self, inventory: Callable[[], Inventory], readings: Readings) -> None:
        self._inventory = inventory
        self._readings = readings

    async def draw(self, group: AlertGroup, locale: Locale, *, quiet: bool = False) -> Message:
        """An incident as it is. `quiet`: only what is critical makes a sound now."""
        known = is_known(group.host, self._inventory())
        peak = await self._peak(group) if known else None
        origin = self._origin(alerts.worst(group)) if known else ""
        return alerts.alert(group, locale, known=known, quiet=quiet, origin=origin, peak=peak)

    def _origin(self, alert: Alert) -> str:
        """Where its threshold comes from, if that is not the default and still the same."""
        if alert.threshold is None or alert.name not in JUDGED:
            return ""
        now = self._readings.limit(self._inventory().host(alert.host), JUDGED[alert.name])
        return now.origin if now.origin != DEFAULT and isclose(now.value, alert.threshold, rel_tol=1e-6) else ""

    async def _peak(self, group: AlertGroup) -> float | None:
        """The highest value of an incident that has ended, as Prometheus knows it."""
        metric = JUDGED.get(group.name, "")
        if group.ended_at is None or metric not in CHARTED:
            return None
        host, window = self._inventory().host(group.host), Window(floor(group.since), ceil(group.ended_at))
        try:
            async with asyncio.timeout(PEAK_WITHIN_S):
                peaks = await self._readings.peak(Metric(metric), host, window)
        except (PrometheusError, TimeoutError) as error:
            why = str(error) or f"no answer within {PEAK_WITHIN_S:g} s"
            log.info("the end of %s of %s is told without its peak: %s", group.name, group.host, why)
            return None
        places = {alert.labels.get("mountpoint", "") for alert in group.alerts}
        found = [value for place, value in peaks.items() if place in places]
        told = [alert.value for alert in group.alerts if alert.value is not None]  # by the rule, which looks more often
        return max(found + told) if found else None


def is_known(host: str, inventory: Inventory) -> bool:
    """True for a host that we can look at."""
    return host in inventory.hosts or host == inventory.server.name
