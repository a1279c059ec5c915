"""What is told of alerts: what it takes to make their letters into messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from orchestrator.alerts.book import JOINED, LETTER
from orchestrator.alerts.model import Alert, AlertGroup
from orchestrator.bot.alertview import AlertView, is_known
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Locale
from orchestrator.bot.letters import Composer, Digest
from orchestrator.bot.message import Message
from orchestrator.bot.render import alerts, readings
from orchestrator.bot.render.alertdigest import digest
from orchestrator.bot.render.alerttop import busiest
from orchestrator.bot.render.readings import View
from orchestrator.followups import CHART, TOP
from orchestrator.inventory import HostSet, Inventory
from orchestrator.inventory.routes import routes
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import Metric
from orchestrator.monitor.window import Window
from orchestrator.readings import Readings
from orchestrator.store import Letter

log = logging.getLogger(__name__)

DIGESTS: Mapping[str, Digest] = {LETTER: digest}
CHART_MIN = 60
STALE_S = 900.0  # a chart that comes later is no help, and there is a button for it


class AlertTelling:
    """Composes what is told of alerts. `inventory` gives the inventory in force."""

    def __init__(self, inventory: Callable[[], Inventory], history: Readings, easel: Easel) -> None:
        self._inventory = inventory
        self._history = history
        self._view = AlertView(inventory, history)
        self._easel = easel

    @property
    def composers(self) -> Mapping[str, Composer]:
        """By kind of letter."""
        return {LETTER: self.alert, JOINED: self.joined, TOP: self.top, CHART: self.chart}

    async def alert(self, letter: Letter, locale: Locale) -> Message:
        """An incident, as it was when the letter was written."""
        group = AlertGroup.from_json(letter.payload)
        return await self._view.draw(group, locale, quiet=self._is_quiet(group.host, locale))

    async def joined(self, letter: Letter, locale: Locale) -> Message:
        """More of the same on a host that has an incident already."""
        found = tuple(map(Alert.from_json, letter.payload["alerts"]))
        return alerts.joined(found, locale, quiet=self._is_quiet(found[0].host, locale))

    async def top(self, letter: Letter, locale: Locale) -> Message:
        """What kept a host busy."""
        return busiest(letter.payload, locale)

    async def chart(self, letter: Letter, locale: Locale) -> Message | None:
        """The last hour of what is high; None when it cannot be drawn, or comes too late."""
        name, now = str(letter.payload["host"]), datetime.now(UTC)
        if (now - letter.put_at).total_seconds() > STALE_S or not is_known(name, self._inventory()):
            return None
        view = View(Metric(letter.payload["metric"]), name, Window.last(CHART_MIN, now), CHART_MIN)
        try:
            history = await self._history.over(view.metric, HostSet([self._inventory().host(name)]), view.window)
            if not history.series:
                return None
            drawn = partial(readings.chart, view, history)
            png = await self._easel.draw(drawn, f"telegram:{letter.target.chat}", locale)
        except PrometheusError as error:
            log.warning("an alert of %s goes without its chart: %s", name, error)
            return None
        except Exception:  # a picture that fails must not look like an alert that was lost
            log.exception("an alert of %s goes without its chart", name)
            return None
        return readings.picture(view, history, png, locale)

    def _is_quiet(self, host: str, locale: Locale) -> bool:
        hours = routes(host, self._inventory()).quiet
        return hours is not None and hours.cover(datetime.now(UTC).astimezone(locale.zone))
