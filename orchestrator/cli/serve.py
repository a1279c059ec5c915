"""The verbs that stay: serve, chat, demo."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.demobootstrap import bootstrap_demo
from orchestrator.cli.session import home_of, interrupt_on_signals, local_actor, run_with_app, signals_held

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.demo import DemoFleet


def serve(context: typer.Context) -> int:
    """Run everything that stays: the Telegram bot, a connection to every host, the metrics; until SIGTERM or Ctrl-C."""

    async def work(app: App, stop: asyncio.Event) -> int:
        from orchestrator.faces import Faces

        logging.getLogger("orchestrator").setLevel(logging.INFO)
        with app.home.alone("serve"):
            faces = Faces(app)
            faces.bot_token()  # before anything is begun that must be ended
            faces.charts.warm()
            async with app.connected(), app.listening(faces.gauges), app.monitored():
                await faces.serve_telegram(stop)
        return 0

    return run_with_app(home_of(context), work, until_stopped=True)


def chat(context: typer.Context) -> int:
    """Talk to the fleet on the terminal, with the same commands as in Telegram."""

    async def work(app: App, stop: asyncio.Event) -> int:
        return await _converse(app, stop)

    return run_with_app(home_of(context), work)


def demo() -> int:
    """Try it: a small fleet of real SSH hosts on this machine, and a chat."""
    from orchestrator.demo import demo_fleet
    from orchestrator.home import Home

    alone = not (sys.stdin.isatty() and sys.stdout.isatty())
    hosts = ExitStack()
    interrupt_on_signals()  # else its hosts would outlive a terminal that is closed
    try:
        with signals_held():  # interrupted half-way, a host could outlive us unseen
            fleet = hosts.enter_context(demo_fleet())
        print(_introduction(fleet, alone))

        async def work(app: App, stop: asyncio.Event) -> int:
            script = fleet.script if alone else ()
            await bootstrap_demo(app, stop)
            return await _converse(app, stop, script, telegram=app.settings.bot_token is not None)

        return run_with_app(Home(fleet.home), work)
    finally:
        with signals_held():
            hosts.close()


def _introduction(fleet: DemoFleet, alone: bool) -> str:
    first = "\n".join(f"  {command}" for command in fleet.commands)
    return (
        "Three SSH hosts are running on this machine: web1, web2 and db1.\n"
        f"{'These commands are now run in their chat' if alone else 'This is their chat. Try'}:\n{first}\n"
        f"A forgotten web server listens on {fleet.port}: /op_stop web1 {fleet.port} closes it.\n"
        + ("" if alone else "/help lists all, Ctrl-D leaves and cleans up.\n")
    )


async def _converse(app: App, stop: asyncio.Event, script: Sequence[str | None] = (), *, telegram: bool = False) -> int:
    """Chat on the terminal until its end or `stop`; with `telegram`, serve that meanwhile."""
    from orchestrator.control import Face
    from orchestrator.faces import Faces

    async with app.connected():
        faces, leave = Faces(app), asyncio.Event()
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
