"""Pictures as their reader wants them: light or dark, in letters that this machine's fonts have."""

from __future__ import annotations

from typing import Protocol

from orchestrator.bot.language import Catalogues, Locale
from orchestrator.bot.render.readings import LABELS
from orchestrator.monitor.charts import Charts, Picture
from orchestrator.store import Preferences

STYLE = "chart"  # the preference: dark, or light


class Painter(Protocol):
    """Makes what to draw, in a language and a style."""

    def __call__(self, locale: Locale, *, dark: bool) -> Picture:
        """The picture."""


class Easel:
    """Draws for a reader, by the id of an actor."""

    def __init__(self, charts: Charts, preferences: Preferences, catalogues: Catalogues) -> None:
        self._charts = charts
        self._preferences = preferences
        self._catalogues = catalogues

    async def draw(self, painter: Painter, reader: str, locale: Locale) -> bytes:
        """The picture as PNG."""
        return await self._charts.draw(painter(await self._drawable(locale), dark=await self.dark(reader)))

    async def dark(self, reader: str) -> bool:
        """True when this reader wants light letters on a dark ground."""
        return await self._preferences.get(reader, STYLE) == "dark"

    async def turn(self, reader: str) -> None:
        """Light becomes dark and back, for all pictures of this reader."""
        style = "light" if await self.dark(reader) else "dark"
        await self._preferences.set(reader, STYLE, style)

    async def _drawable(self, locale: Locale) -> Locale:
        """The reader's language if a picture can show it, else English: this machine may have no Chinese font."""
        words = "".join(locale.gettext(label) for label in LABELS.values())
        return locale if await self._charts.can_draw(words) else self._catalogues.locale("en")
