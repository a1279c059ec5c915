"""``/status``: how the orchestrator itself is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render.health import SelfReport, health


class OwnStatus:
    """Tells how we are."""

    def __init__(self, self_report: Callable[[], Awaitable[SelfReport]], catalogues: Catalogues) -> None:
        self._self_report = self_report
        self._catalogues = catalogues

    async def status(self, request: Request) -> None:
        """``/status``, and its [↻]."""
        report = await self._self_report()
        message = health(report, datetime.now(UTC), self._catalogues.locale(request.language))
        await show(request.chat, message, request.message_id)
