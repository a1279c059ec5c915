"""The verbs that stay: serve, chat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.faces import Faces


def serve(context: typer.Context) -> int:
    """Run all that stays: bot, connections, alerts and metrics. Until SIGTERM or Ctrl-C."""

    async def work(app: App, stop: asyncio.Event) -> int:
        from orchestrator.faces import Faces
        from orchestrator.systemd.notify import Systemd

        logging.getLogger("orchestrator").setLevel(logging.INFO)
        with app.home.alone("serve"):
            faces = Faces(app)
            faces.bot_token()  # before anything is begun that must be ended
            faces.charts.warm()
            async with app.connected(), monitoring(app, faces), Systemd().told(faces.trouble):
                await faces.serve_telegram(stop)
        return 0

    return run_with_app(home_of(context), work, until_stopped=True, telegram=True)


def chat(context: typer.Context) -> int:
    """Chat with the fleet on the terminal, as in Telegram."""

    async def work(app: App, stop: asyncio.Event) -> int:
        return await converse(app, stop)

    return run_with_app(home_of(context), work)


@asynccontextmanager
async def monitoring(app: App, faces: Faces) -> AsyncIterator[None]:
    """Have metrics and alerts, and follow who logs in, while the block lasts."""
    from orchestrator.alerts.heartbeat import beating

    heartbeat = app.settings.heartbeat_url
    async with app.listening(faces.gauges), app.monitored(), app.followed(), beating(heartbeat, faces.ailment):
        yield


async def converse(
    app: App,
    stop: asyncio.Event,
    script: AsyncGenerator[str | None] | None = None,
    *,
    telegram: bool = False,
    monitored: bool = False,
    followed: bool = False,
) -> int:
    """Chat on the terminal until its end or `stop`, with a `script` instead of a person if there is one.

    With `telegram`, that is served meanwhile; with `monitored`, there are metrics and alerts, and logins are followed,
    as they are with `followed` alone.
    """
    from orchestrator.control import Face
    from orchestrator.faces import Faces

    async with app.connected(), AsyncExitStack() as stack:
        faces, leave = Faces(app), asyncio.Event()
        if monitored:
            await stack.enter_async_context(monitoring(app, faces))
        elif followed:
            await stack.enter_async_context(app.followed())
        serving = asyncio.create_task(faces.serve_telegram(leave)) if telegram else None
        talking = asyncio.create_task(faces.converse(local_actor(Face.TERMINAL), script=script))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({talking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return await talking if talking.done() else 0
        finally:
            leave.set()
            for task in (talking, stopped):
                task.cancel()
            await asyncio.wait({talking, stopped})
            if serving:
                await serving
