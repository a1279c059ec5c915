"""``/summary``: when the daily summary is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import summary as render
from orchestrator.bot.summarytelling import SummaryTelling
from orchestrator.control import Door, SetSummary, ShowHosts
from orchestrator.errors import UsageError
from orchestrator.inventory import Inventory
from orchestrator.monitor.window import clock
from orchestrator.summary import Summaries

USAGE = N_("[<hhmm>|off]")
OFF = "off"


class DailySummary:
    """Shows the summary, and sets its hour for the fleet."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        summaries: Summaries,
        telling: SummaryTelling,
        door: Door,
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._summaries = summaries
        self._telling = telling
        self._door = door
        self._catalogues = catalogues

    async def summary(self, request: Request) -> None:
        """``/summary``: when it is told; ``/summary 0800``, ``/summary off``: set that."""
        words = request.text.split()
        if len(words) > 1:
            raise UsageError("too many words", remedy="Give a time of day such as 0800, or off")
        if words:
            wanted = None if words[0].lower() == OFF else _time(words[0])
            async with self._door.open(request.actor, SetSummary(words[0].lower())) as passage:
                await self._summaries.set(wanted)
                passage.record({"status": "ok"})
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.schedule(await self._summaries.schedule(), locale), request.message_id)

    async def now(self, request: Request) -> None:
        """[Show it now]: to whoever asks, in a message of its own."""
        locale = self._catalogues.locale(request.language)
        async with self._door.open(request.actor, ShowHosts(self._inventory().hosts)) as passage:
            message = await self._telling.compose(datetime.now(UTC), None, request.actor.id, locale)
            passage.record({"status": "ok"})
        await request.chat.send(message)


def _time(word: str) -> time:
    try:
        return time(*clock(word))
    except UsageError as error:
        raise UsageError(error.what, remedy="Give a time of day such as 0800, or off") from None
