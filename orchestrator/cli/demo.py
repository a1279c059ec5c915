"""The verb that shows everything: demo."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from orchestrator.cli.demobootstrap import bootstrap_demo, keep_quiet
from orchestrator.cli.demoscript import exchange
from orchestrator.cli.serve import converse
from orchestrator.cli.session import interrupt_on_signals, run_with_app, signals_held

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.demo import DemoFleet


def demo() -> int:
    """Try it with three real SSH hosts on this machine, and a chat."""
    from orchestrator.demo import demo_fleet
    from orchestrator.home import Home

    alone = not (sys.stdin.isatty() and sys.stdout.isatty())
    hosts = ExitStack()
    interrupt_on_signals()  # else its hosts would outlive a terminal that is closed
    try:
        missing = _missing()
        with signals_held():  # interrupted half-way, a host could outlive us unseen
            fleet = hosts.enter_context(demo_fleet(measured=not missing))
        print("Three SSH hosts are running on this machine: web1, web2 and db1.", flush=True)

        async def work(app: App, stop: asyncio.Event) -> int:
            await bootstrap_demo(app, stop)
            await keep_quiet(app)
            print(f"\n{_introduction(fleet, alone, missing)}", flush=True)
            script = exchange(app, fleet) if alone else None
            return await converse(
                app, stop, script, telegram=app.settings.telegram, monitored=fleet.measured, followed=True
            )

        return run_with_app(Home(fleet.home), work, telegram=True)
    finally:
        with signals_held():
            hosts.close()


def _missing() -> str:
    """Debian's names of the programs that charts and alerts need and this machine lacks."""
    from orchestrator.demo.processes import program
    from orchestrator.monitor.alertmanager import installed_alertmanager
    from orchestrator.monitor.prometheus import installed_prometheus

    there = {
        "prometheus": installed_prometheus(),
        "prometheus-alertmanager": installed_alertmanager(),
        "prometheus-node-exporter": program("prometheus-node-exporter", "node_exporter"),
    }
    return " ".join(name for name, found in there.items() if not found)


def _introduction(fleet: DemoFleet, alone: bool, missing: str) -> str:
    first = "\n".join(f"  {command}" for command in fleet.commands)
    alert = (
        f"Charts and alerts are left out; they need: sudo apt-get install {missing}\n"
        if missing
        else "Cut the power of db1: AgentDown is told after about 80 s, and ends a minute after the power is back.\n"
        f"  {fleet.power('db1', 'off')}\n"
        f"  {fleet.power('db1', 'on')}\n"
        "Other alerts wait for a threshold of yours, as in /threshold web1 cpu 10.\n"
    )
    return (
        f"{'These commands are now run in their chat' if alone else 'This is their chat. Try'}:\n{first}\n"
        f"A forgotten web server listens on {fleet.port}: /op_stop web1 {fleet.port} closes it.\n"
        "Log in from another terminal: the chat tells it, and /logins lists it.\n"
        f"  {fleet.visit('web2')}\n{alert}" + ("" if alone else "/help lists all. Ctrl-D leaves, and cleans up.\n")
    )
