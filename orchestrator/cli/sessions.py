"""The verbs about what runs on hosts and who is on them: top, who, kick."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.asking import ask
from orchestrator.cli.fleet import AsJson, HostName, Pattern
from orchestrator.cli.session import Interrupted, confirm, home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app import App
    from orchestrator.fleet import By, Session, TopAnswer, WhoAnswer
    from orchestrator.inventory import Host

SHOWN = 12


def top(
    context: typer.Context,
    pattern: Pattern,
    by: Annotated[str, typer.Option(metavar="cpu|mem", help="What to put them in order by.")] = "cpu",
    as_json: AsJson = False,
) -> int:
    """Show the busiest processes, by CPU (last second) or memory."""
    from orchestrator.control import ListProcesses
    from orchestrator.errors import UsageError
    from orchestrator.fleet import By

    if by not in list(By):
        raise UsageError(f"--by {by}: processes are put in order by cpu or mem")
    return ask(
        context,
        pattern,
        ListProcesses,
        lambda app, chosen, stop: app.fleet.top(chosen, stop=stop),
        lambda answers: _print_top(answers, By(by)),
        what="top",
        as_json=as_json,
    )


def who(context: typer.Context, pattern: Pattern, as_json: AsJson = False) -> int:
    """Show who is logged in: since when, from where, and what runs."""
    from orchestrator.control import ListSessions

    return ask(
        context,
        pattern,
        ListSessions,
        lambda app, chosen, stop: app.fleet.who(chosen, stop=stop),
        _print_who,
        what="who",
        as_json=as_json,
    )


def kick(
    context: typer.Context,
    host: HostName,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Its number, terminal or user, as who shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """End a session with all that runs in it. Shows it, and asks."""
    from orchestrator.cli.output import note, reason, unreached
    from orchestrator.control import Face, KickSession, evidence
    from orchestrator.errors import Refused
    from orchestrator.fleet import KickState, exit_status, find_session
    from orchestrator.ssh import Status

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.host(host)
        answer = await _sessions_of(app, chosen)
        if answer.status is not Status.OK:
            note(f"{chosen.name}: {unreached(chosen.name, answer.status, answer.detail)}")
            return exit_status([answer.status])
        target = find_session(chosen.name, answer.sessions, session)
        if target.ours:
            raise Refused(f"session {target.id} is not ended: {target.ours}", where=chosen.name)
        note(f"{chosen.name}: {_sentence(target)}")
        action = KickSession(chosen, target.id, target.user, target.argument)
        if not yes and not await confirm(f"{action.summary}?", stop, instead="--yes"):
            raise Refused("not confirmed, nothing was done", where=chosen.name, remedy="Answer y, or give --yes")
        if stop.is_set():
            raise Interrupted("nothing was done", where=chosen.name)
        async with app.door.open(local_actor(Face.CLI), action, confirmed=True) as passage:
            outcome = await app.fleet.kick(chosen, target)
            passage.record(evidence.of_kick(outcome))
        said = {KickState.ENDED: "is ended", KickState.GONE: "had ended already"}
        what = said.get(outcome.state, f"was not ended ({outcome.state.replace('_', ' ')})")
        why = f": {reason(outcome.detail)}" if outcome.detail else ""
        note(f"{chosen.name}: session {target.id} {what}{why}")
        return outcome.exit_status

    return run_with_app(home_of(context), work)


async def _sessions_of(app: App, host: Host) -> WhoAnswer:
    from orchestrator.control import Face, ListSessions, evidence
    from orchestrator.inventory import HostSet

    async with app.door.open(local_actor(Face.CLI), ListSessions(HostSet([host]))) as passage:
        async with aclosing(app.fleet.who([host])) as answers:
            (answer,) = [answer async for answer in answers]
        passage.record(evidence.of_answers([answer]))
    return answer


def _print_top(answers: Sequence[TopAnswer], by: By) -> None:
    from orchestrator.cli.output import note, print_table, unreached
    from orchestrator.fleet import clean_line
    from orchestrator.ssh import Status

    rows = [
        (
            answer.host,
            str(process.pid),
            clean_line(process.user, 16),
            f"{process.cpu:.0%}",
            f"{process.memory_bytes / (1 << 20):.0f}M",
            process.state,
            f"{process.started.astimezone():%F %R}",
            clean_line(process.title, 80),
        )
        for answer in answers
        for process in answer.by(by)[:SHOWN]
    ]
    if rows:
        print_table([("HOST", "PID", "USER", "CPU", "MEM", "S", "SINCE", "COMMAND"), *rows])
    for answer in answers:
        if answer.status is not Status.OK:
            note(f"{answer.host}: {unreached(answer.host, answer.status, answer.detail)}")
        if answer.partial:
            note(f"{answer.host}: processes of others are hidden without root")


def _print_who(answers: Sequence[WhoAnswer]) -> None:
    from orchestrator.cli.output import note, print_table, unreached
    from orchestrator.fleet import clean_line
    from orchestrator.ssh import Status

    rows = [
        (
            answer.host,
            session.id,
            session.user or "-",
            session.terminal or "-",
            session.address or "-",
            f"{session.started.astimezone():%F %R}",
            "-" if session.idle is None else f"{session.idle} s",
            session.service or "-",
            "(ours)"
            if session.ours
            else clean_line(session.runs.command or session.runs.name, 60)
            if session.runs
            else "-",
        )
        for answer in answers
        for session in answer.sessions
    ]
    if rows:
        print_table([("HOST", "SESSION", "USER", "TTY", "FROM", "SINCE", "IDLE", "SERVICE", "RUNS"), *rows])
    for answer in answers:
        if answer.status is not Status.OK:
            note(f"{answer.host}: {unreached(answer.host, answer.status, answer.detail)}")
        elif not answer.sessions:
            note(f"{answer.host}: nobody is logged in")
        if answer.partial:
            note(f"{answer.host}: sessions may be hidden without root; `become: true` in the inventory shows them")


def _sentence(session: Session) -> str:
    runs = f", runs {_runs(session, 80)}" if session.runs else ""
    origin = f" from {session.address}" if session.address else ""
    since = f"{session.started.astimezone():%F %T %z}"
    members = f"{session.members} processes" if session.members != 1 else "1 process"
    return f"session {session.id}: {session.user}{origin}, since {since}, {members}{runs}"


def _runs(session: Session, width: int) -> str:
    from orchestrator.fleet import clean_line

    return clean_line(session.runs.command or session.runs.name, width) if session.runs else ""
