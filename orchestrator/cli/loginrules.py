"""The verb for which logins are told: login-rules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.fleet import AsJson
from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App


def login_rules(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RULE [on|off|default] [HOST|GROUP|all]",
            help="RULE is known NETWORK or quiet USER, whose logins are not told, or tell sudo|su|accounts|keys, which "
            "are. off makes an exception from what is set for more hosts; default takes back what was set.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show which logins are told, or set it. What is critical is always told."""

    async def work(app: App, _: asyncio.Event) -> int:
        if words:
            await _change(app, words)
        rows = await _rows(app)
        _print(rows, as_json=as_json)
        return 0

    return run_with_app(home_of(context), work)


async def _change(app: App, words: list[str]) -> None:
    from orchestrator.cli.output import note
    from orchestrator.control import Face
    from orchestrator.loginrulechange import RuleChange, change_rule
    from orchestrator.store.loginrules import LoginRuleTable

    change = RuleChange.parse(words, app.thresholds)
    table = LoginRuleTable(app.database)
    if not await change_rule(change, local_actor(Face.CLI), app.door, table, app.thresholds):
        note(f"{change.rule} of {change.scope}: none was set there")


async def _rows(app: App) -> list[dict[str, Any]]:
    from orchestrator.control import Face, ListLogins
    from orchestrator.store.loginrules import LoginRuleTable

    async with app.door.open(local_actor(Face.CLI), ListLogins(app.inventory.hosts)) as passage:
        rows = await LoginRuleTable(app.database).rows()
        passage.record({"status": "ok"})
    return [
        {
            "rule": f"{row.kind} {row.value}",
            "on": row.on,
            "scope": str(row.scope),
            "actor": row.actor,
            "at": row.at.isoformat(timespec="seconds"),
        }
        for row in rows
    ]


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    from orchestrator.cli.output import note, print_json, print_table

    if as_json:
        print_json({"rules": rows})
    elif rows:
        heading = ("RULE", "STATE", "SET FOR", "BY", "AT")
        shown = [(row["rule"], "on" if row["on"] else "off", row["scope"], row["actor"], row["at"]) for row in rows]
        print_table([heading, *shown])
    else:
        note("no rules: every login and all failures are told; sudo, su, changes of accounts and new keys are not")
