"""The daily summary, made when it is sent: what is on it is how the fleet is then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Locale
from orchestrator.bot.letters import Composer
from orchestrator.bot.loginsources import LoginSources
from orchestrator.bot.message import Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render import summary as render
from orchestrator.bot.render.kinds import Kind
from orchestrator.bot.render.loginday import WORST, of_logins
from orchestrator.bot.render.markup import Html
from orchestrator.bot.render.pictures import CARD_STEPS, DAY_MIN, Asked
from orchestrator.bot.sketch import FleetCard
from orchestrator.inventory import HostSet, Inventory
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import Metric
from orchestrator.monitor.window import Window
from orchestrator.readings import Readings
from orchestrator.store import Letter
from orchestrator.summary import DAY, LETTER

READ_S, DRAW_S = 6.0, 6.0  # together within what a letter may take to compose

log = logging.getLogger(__name__)


class SummaryTelling:
    """Composes it. `inventory` gives the inventory in force."""

    def __init__(
        self, inventory: Callable[[], Inventory], readings: Readings, easel: Easel, logins: LoginSources
    ) -> None:
        self._inventory = inventory
        self._readings = readings
        self._easel = easel
        self._logins = logins

    @property
    def composers(self) -> Mapping[str, Composer]:
        """By kind of letter."""
        return {LETTER: self.letter}

    async def letter(self, letter: Letter, locale: Locale) -> Message:
        """The summary that was put into the outbox."""
        at = datetime.fromtimestamp(letter.payload["at"], UTC)
        return await self.compose(at, letter.payload["alerts"], f"telegram:{letter.target.chat}", locale)

    async def compose(self, at: datetime, alerts: int | None, reader: str, locale: Locale) -> Message:
        """How the fleet was `at` a time; the words come even if the picture does not."""
        inventory, news = self._inventory(), await self._of_logins(at, locale)
        hosts, window = inventory.hosts or HostSet([inventory.server]), Window.last(DAY_MIN, at)
        try:
            async with asyncio.timeout(READ_S):
                courses = await self._readings.courses(hosts, window, (window.end - window.start) / CARD_STEPS)
        except (PrometheusError, TimeoutError) as error:
            why = error.what if isinstance(error, PrometheusError) else f"no answer within {READ_S:g} s"
            blind = self._readings.blind(hosts, why)
            trouble = translate(why, locale)
            return render.told(blind, alerts, None, at, locale, trouble=trouble, logins=news)
        card = FleetCard(Asked(Kind.CARD, Metric.CPU, "all", at), courses, window)
        return render.told(courses, alerts, await self._png(card, reader, locale), at, locale, logins=news)

    async def _of_logins(self, at: datetime, locale: Locale) -> Html:
        """What the last 24 hours were like."""
        digest = await self._logins.figures.digest((at - DAY).timestamp(), at.timestamp(), WORST)
        return of_logins(digest, tuple(self._logins.unfollowed()), locale)

    async def _png(self, card: FleetCard, reader: str, locale: Locale) -> bytes | None:
        try:
            async with asyncio.timeout(DRAW_S):
                return await self._easel.draw(card.picture, reader, locale)
        except Exception:  # whatever is wrong with a picture, its words are told
            log.exception("the daily summary goes without its picture")
            return None
