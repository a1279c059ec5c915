"""What is known of logins, as `logins` prints and draws it: from the store, without touching a host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.output import note
from orchestrator.cli.session import run_with_app
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.home import Home
    from orchestrator.store.logins import Query

_LOOK_S = 0.5
_NOTHING = "nothing is known of logins yet; `orchestrator serve` follows them"


def tell(home: Home, pattern: str, query: Query, show: Callable[[Mapping[str, Any]], None], *, follow: bool) -> int:
    """Show what fits `query` on the hosts of `pattern`, oldest first; with `follow` also what comes, until Ctrl-C.

    A removed host's logins are under ``all``.
    """

    async def work(app: App, stop: asyncio.Event) -> int:
        log = app.logins.log
        wanted = query if pattern == "all" else replace(query, hosts=app.inventory.select(pattern).names)
        newest = await log.newest()
        if newest == 0 and not follow:
            note(_NOTHING)
        for lost in await log.gaps(wanted.since or 0.0):
            if wanted.hosts is None or lost.host in wanted.hosts:
                times = f"{_clock(lost.since)} and {_clock(lost.until)}"
                note(f"{lost.host}: what {lost.source} held between {times} was gone before it could be read")
        for event in await log.find(wanted):
            show(event.event)
        while follow and not stop.is_set():
            for event in await log.find(replace(wanted, after=newest, limit=1000, oldest=True)):
                newest = event.seq
                show(event.event)
            try:
                async with asyncio.timeout(_LOOK_S):
                    await stop.wait()
            except TimeoutError:
                pass
        return 0

    return run_with_app(home, work)


def draw(home: Home, pattern: str, file: Path, *, days: int, week: bool) -> int:
    """Draw when people logged in and others tried; 4 when nothing is known of it. Raises UsageError and OSError."""

    async def work(app: App, stop: asyncio.Event) -> int:  # noqa: ARG001 - each step is bounded in itself
        from orchestrator.bot.language import Catalogues
        from orchestrator.bot.loginsources import counted
        from orchestrator.bot.render.loginpictures import RANGES, Asked, Kind
        from orchestrator.cli.pictures import write_picture
        from orchestrator.store.loginfigures import LoginFigures

        agent = "" if pattern == "all" else pattern
        asked = Asked(Kind.WEEK if week else Kind.CHART, days, agent, datetime.now(UTC))
        if days not in (0, asked.days_shown):
            offered = ", ".join(str(each) for each, _ in RANGES[asked.kind])
            raise UsageError(f"--days {days}: there is no such picture", remedy=f"Say one of {offered}")
        names = app.inventory.select(pattern).names if agent else None
        locale = Catalogues(app.settings.zone).locale("en")
        found = await counted(asked, names, LoginFigures(app.database), locale.zone)
        if found.since is None:
            note(_NOTHING)
            return 4
        if found.since > found.span.start:
            note(f"data since {_clock(found.since)}")
        await write_picture(file, found.picture(locale, dark=False))
        return 0

    return run_with_app(home, work)


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
