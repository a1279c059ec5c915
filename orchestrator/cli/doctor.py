"""The verb doctor: what is wrong, and how to mend it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.fleet import AsJson
from orchestrator.cli.session import home_of, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.checkup import Telegram

_MARKS = {"ok": "✔", "warn": "⚠", "fail": "✖"}


def doctor(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Which hosts to look at.")] = "all",
    as_json: AsJson = False,
) -> int:
    """Find what is wrong here and on the hosts, and what mends it. Exit status 1 when something fails."""

    async def work(app: App, stop: asyncio.Event) -> int:
        from orchestrator.checkup import Checkup
        from orchestrator.cli.output import note, print_json

        hosts = app.inventory.select(pattern) if app.inventory.hosts else app.inventory.hosts
        counts: Counter[str] = Counter()
        found = []
        checkup = Checkup(app, telegram=_telegram(app), served=app.home.busy("serve"))
        async with aclosing(checkup.findings(hosts)) as findings:
            async for each in findings:
                counts[each.verdict] += 1
                found.append(each)
                if not as_json:
                    remedy = f"\n    {each.remedy}" if each.remedy else ""
                    print(f"{_MARKS[each.verdict]} {each.subject}: {each.text}{remedy}", flush=True)
                if stop.is_set():
                    break
        if as_json:
            rows = [
                {"subject": each.subject, "verdict": each.verdict, "text": each.text, "remedy": each.remedy}
                for each in found
            ]
            print_json({"findings": rows, "summary": {verdict: counts[verdict] for verdict in _MARKS}})
        else:
            note(f"{counts['fail']} failed, {counts['warn']} to look at, {counts['ok']} well")
        return 1 if counts["fail"] else 0

    return run_with_app(home_of(context), work, telegram=True)


def _telegram(app: App) -> Telegram | None:
    token, api_url = app.settings.bot_token, app.settings.telegram_api_url
    if token is None:
        return None

    async def ask() -> str:
        from orchestrator.bot.telegram.client import introduced

        return await introduced(token, api_url)

    return ask
