"""One question put to all hosts of a pattern: asked through the door, counted while they answer, put down, shown."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

import typer

from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from orchestrator.app import App
    from orchestrator.control import Action
    from orchestrator.fleet import BlocksAnswer, PortsAnswer, TopAnswer, WhoAnswer
    from orchestrator.inventory import HostSet

    Answer = TypeVar("Answer", PortsAnswer, TopAnswer, WhoAnswer, BlocksAnswer)


def ask(
    context: typer.Context,
    pattern: str,
    action: Callable[[HostSet], Action],
    question: Callable[[App, HostSet, asyncio.Event], AsyncGenerator[Answer, None]],
    show: Callable[[Sequence[Answer]], None],
    *,
    what: str,
    as_json: bool,
) -> int:
    """Ask, and `show` the answers in the inventory's order, or as JSON; returns the exit status of all of them.

    `what` is the question in a word, for the line that counts. Ctrl-C sets the event: who has answered is shown.
    """
    from orchestrator.cli.output import print_json
    from orchestrator.cli.progress import Progress
    from orchestrator.control import Face, evidence
    from orchestrator.fleet import exit_status

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.select(pattern)
        found: dict[str, Answer] = {}
        async with app.door.open(local_actor(Face.CLI), action(chosen)) as passage:
            with Progress(chosen, what) as progress:
                async with aclosing(question(app, chosen, stop)) as answers:
                    async for answer in answers:
                        progress.answered(answer.host)
                        found[answer.host] = answer
            passage.record(evidence.of_answers(found.values()))
        ordered = [found[name] for name in chosen.names if name in found]
        if as_json:
            print_json({"hosts": [answer.to_json() for answer in ordered]})
        else:
            show(ordered)
        return exit_status(answer.status for answer in ordered)

    return run_with_app(home_of(context), work)
