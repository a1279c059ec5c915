"""``/play``: a playbook, chosen, shown, checked, run, stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import Live, last_words, show
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render import playing as render
from orchestrator.bot.runlog import RunLog
from orchestrator.bot.runs import Runs
from orchestrator.control import CONFIRM_WITHIN_S, CheckPlaybook, Door, Passage, RunPlaybook, evidence
from orchestrator.errors import Refused
from orchestrator.playbook.events import Event

if TYPE_CHECKING:
    from orchestrator.playbook.playbooks import Plan, Playbooks

USAGE = N_("<playbook> [<agent>]")


class Playing:
    """Runs playbooks for the chat. `monotonic` gives seconds of a clock that never jumps."""

    def __init__(
        self,
        playbooks: Callable[[], Playbooks],
        door: Door,
        runs: Runs,
        catalogues: Catalogues,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._playbooks = playbooks
        self._door = door
        self._runs = runs
        self._catalogues = catalogues
        self._monotonic = monotonic

    async def play(self, request: Request) -> None:
        """``/play <playbook> [<agent>]``: what it would do, with a button to do it; without a name, which there are."""
        name, _, limit = request.text.strip().partition(" ")
        if not name:
            usage = f"/play {self._catalogues.locale(request.language).gettext(USAGE)}"
            names = await asyncio.to_thread(self._playbooks().names)
            await request.chat.send(render.pick(names, usage, self._catalogues.locale(request.language)))
            return
        await self._question(request, name, limit.strip())

    async def plan(self, request: Request) -> None:
        """[a playbook], [Again]: as if it were typed."""
        args = request.args or {}
        await self._question(replace(request, message_id=None), args["playbook"], args.get("limit", ""))

    async def run(self, request: Request) -> None:
        """[Run], [Check only] under the question: exactly the hosts and the files that it showed. Raises Refused."""
        args = request.args or {}
        check = bool(args.get("check"))
        plan = await self._read(args["playbook"], args["hosts"].replace("\n", ","), check=check)
        if plan.digest != args["digest"]:
            raise Refused(f"{plan.name} was changed after it was shown", remedy=f"Look at it again: /play {plan.name}")
        kind = CheckPlaybook if check else RunPlaybook
        action = kind(plan.hosts, plan.name)
        async with self._door.open(request.actor, action, confirmed=True) as passage:
            await self._run(request, plan, passage)

    async def refuse(self, request: Request) -> None:
        """[Cancel] under the question."""
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.not_run((request.args or {})["playbook"], locale), request.message_id)

    async def _read(self, name: str, limit: str, *, check: bool = False) -> Plan:
        """In a thread: reading takes a while, and so does importing the engine the first time."""
        playbooks = self._playbooks()

        def read() -> Plan:
            return playbooks.plan(playbooks.find(name), limit=limit or None, check=check, diff=True)

        return await asyncio.to_thread(read)

    async def _question(self, request: Request, name: str, limit: str) -> None:
        locale = self._catalogues.locale(request.language)
        plan = await self._read(name, limit)
        args = {"playbook": name, "hosts": "\n".join(plan.hosts.names), "digest": plan.digest}

        def button(label: str, verb: str, **more: str) -> Button:
            return Button(label, verb, {**args, **more}, lifetime=CONFIRM_WITHIN_S, personal=True, once=True)

        _ = locale.gettext
        yes = (button("▶ " + _("Run"), "play.run"), button(_("Check only"), "play.run", check="1"))
        buttons = (yes, (button(_("Cancel"), "play.refuse"),))
        await request.chat.send(render.question(plan, buttons if plan.hosts else (), locale))

    async def _run(self, request: Request, plan: Plan, passage: Passage) -> None:
        locale = self._catalogues.locale(request.language)
        log, start = RunLog(), self._monotonic()
        with self._runs.begin(request.actor) as run:
            stop = Button(locale.gettext("Stop"), "run.stop", {"run": run.id}, personal=True)

            def draw() -> Message:
                return render.running(plan, log.story, stop, run.stop.is_set(), locale)

            live = Live(request.chat, draw, message_id=request.message_id)
            run.on_stop = live.changed

            def tell(event: Event) -> None:
                log.tell(event)
                live.changed()

            def end() -> Message:
                limit = ",".join(plan.hosts.names)
                checked = any(play.check for play in log.story.plays) and not run.stop.is_set()
                label = locale.gettext("Run it …") if checked else locale.gettext("Again")
                again = Button(label, "play.plan", {"playbook": plan.name, "limit": limit})
                frame = Message("", ((again,),), log.document(plan.name))
                return render.finished(plan, log.story, self._monotonic() - start, frame, locale)

            try:
                async with live:
                    await plan.play(tell, run.stop)
            except BaseException:
                passage.record(evidence.of_story(log.story))
                await last_words(request, end(), live.message_id)
                raise
            passage.record(evidence.of_story(log.story))
            await show(request.chat, end(), live.message_id)
