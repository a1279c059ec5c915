"""What the demo shows when nobody is there to type: its commands, a chart, and an alert that comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.demo import DemoFleet

DOWN = "db1"
LOGIN_WITHIN_S = 20.0
CHART_WITHIN_S = 60.0  # two scrapes of every host, and the first start of Prometheus
ALERT_WITHIN_S = 240.0  # the minute of AgentDown, and whatever a busy machine takes
LOOK_S = 0.5


async def exchange(app: App, fleet: DemoFleet) -> AsyncGenerator[str | None]:
    """Lines for `Terminal.script`. Raises `DemoError` when what was announced does not happen."""
    for line in fleet.script:
        yield line
    seen = await app.outbox.newest()
    yield f"/op_exec Server {fleet.visit('web2')} hostname"
    await _until("the end of that session", lambda: _came_and_left(app, seen), LOGIN_WITHIN_S)
    yield "/logins"
    if not fleet.measured:
        return
    seen = await app.outbox.newest()
    yield fleet.power(DOWN, "off")
    await _until("the first readings", lambda: _drawable(app), CHART_WITHIN_S)
    yield "/mon_mem_picture web"
    await _until(f"AgentDown of {DOWN}", lambda: _told(app, seen, firing=True), ALERT_WITHIN_S)
    yield "/alerts"
    yield fleet.power(DOWN, "on")
    await _until(f"the end of AgentDown of {DOWN}", lambda: _told(app, seen, firing=False), ALERT_WITHIN_S)
    yield "/alerts"


async def _until(what: str, happened: Callable[[], Awaitable[bool]], within: float) -> None:
    from orchestrator.demo import DemoError

    print(f"(waiting for {what})\n", flush=True)
    end = time.monotonic() + within
    while not await happened():
        if time.monotonic() > end:
            raise DemoError(f"{what} did not come within {within:.0f} s")
        await asyncio.sleep(LOOK_S)


async def _drawable(app: App) -> bool:
    """Whether every host of the group web has two points to draw a line between."""
    from orchestrator.monitor.query import Metric
    from orchestrator.monitor.window import Window

    hosts = app.inventory.select("web")
    history = await app.readings.over(Metric.MEMORY, hosts, Window.last(5, datetime.now(UTC)))
    return {series.host for series in history.series if len(series.points) > 1} == set(hosts.names)


async def _came_and_left(app: App, after: int) -> bool:
    """Whether the chats were told of a login that has ended, after the letter of that number."""
    letters = await app.outbox.since(after)
    told = (letter.payload for letter in letters if letter.kind == "login")
    return any(login["ended_at"] or login["claimed_at"] for login in told)


async def _told(app: App, after: int, *, firing: bool) -> bool:
    """Whether a message about AgentDown was put into the chats after the letter of that number."""
    from orchestrator.alerts.model import AlertGroup

    for letter in await app.outbox.since(after):
        if letter.kind == "alert":
            group = AlertGroup.from_json(letter.payload)
            if (group.name, group.host, bool(group.firing)) == ("AgentDown", DOWN, firing):
                return True
    return False
