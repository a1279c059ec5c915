"""``/bootstrap``: hosts looked at, their keys confirmed, made managed, step by step."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import Live, last_words, show
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.picker import pick_host
from orchestrator.bot.render.trusting import COMPARE_WITHIN_S
from orchestrator.bot.runs import Run, Runs
from orchestrator.control import (
    CONFIRM_WITHIN_S,
    BootstrapHosts,
    CheckBootstrap,
    Door,
    Passage,
    SurveyHosts,
    TrustKey,
    evidence,
)
from orchestrator.errors import Refused
from orchestrator.inventory import HostSet, Inventory
from orchestrator.monitor.query import Metric

if TYPE_CHECKING:
    from orchestrator.bootstrap import Bootstrap, Credentials, Outcome, Surveyed

USAGE = N_("<agent>")
CHART_MIN = 5


class Bootstrapping:
    """Bootstraps hosts for the chat, as far as no password is needed: one that is typed into a chat stays there.

    `bootstrap` begins a piece of work with given credentials, `refresh` takes what it wrote into the inventory.
    """

    def __init__(
        self,
        *,
        inventory: Callable[[], Inventory],
        bootstrap: Callable[[Credentials], Bootstrap],
        refresh: Callable[[], Awaitable[None]],
        door: Door,
        runs: Runs,
        catalogues: Catalogues,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inventory = inventory
        self._bootstrap = bootstrap
        self._refresh = refresh
        self._door = door
        self._runs = runs
        self._catalogues = catalogues
        self._monotonic = monotonic

    async def bootstrap(self, request: Request) -> None:
        """``/bootstrap <agent>``: look, and show what was found; without one, it is asked for."""
        pattern = request.text.strip()
        if pattern:
            await self._look(request, self._inventory().select(pattern), None)
            return
        locale = self._catalogues.locale(request.language)
        usage = f"/bootstrap {locale.gettext(USAGE)}"
        await request.chat.send(pick_host(self._inventory().hosts, "bootstrap.ask", usage, locale))

    async def ask(self, request: Request) -> None:
        """[Bootstrap] under a host: as if it were typed."""
        host = self._inventory().host((request.args or {})["host"])
        await self._look(request, HostSet([host]), None)

    async def again(self, request: Request) -> None:
        """[Look again]: at the same hosts."""
        await self._look(request, self._named(request), request.message_id)

    async def trust(self, request: Request) -> None:
        """[These are right]: pin exactly the keys that were shown, and look again."""
        hosts, shown = self._named(request), json.loads((request.args or {})["keys"])
        async with self._begin() as work:
            found = await work.survey([host for host in hosts if host.name in shown])
            unknown = [(each, each.shown) for each in found if each.wants_trust and each.shown is not None]
            for each, key in unknown:
                if key.fingerprint != shown[each.host.name]:
                    raise Refused("the host shows another key now", where=each.host.name, remedy="Nothing was pinned.")
            for each, key in unknown:
                async with self._door.open(
                    request.actor, TrustKey(each.host, key.fingerprint), confirmed=True
                ) as passage:
                    await asyncio.to_thread(work.trust, [each])
                    passage.record({"status": "ok"})
        await self._look(request, hosts, request.message_id)

    async def refuse(self, request: Request) -> None:
        """[Cancel]."""
        from orchestrator.bot.render import bootstrapping as render

        names = (request.args or {})["hosts"].split("\n")
        await show(request.chat, render.not_done(names, self._catalogues.locale(request.language)), request.message_id)

    async def run(self, request: Request) -> None:
        """[Bootstrap], [Check only]: on exactly the hosts that were shown to be ready."""
        hosts, check = self._named(request), bool((request.args or {}).get("check"))
        action = CheckBootstrap(hosts) if check else BootstrapHosts(hosts)
        async with self._door.open(request.actor, action, confirmed=True) as passage:
            await self._run(request, hosts, passage, check=check)

    def _begin(self) -> Bootstrap:
        from orchestrator.bootstrap import Credentials

        return self._bootstrap(Credentials())

    def _named(self, request: Request) -> HostSet:
        """The hosts of a button; UnknownHost when one has left the inventory since."""
        inventory = self._inventory()
        return HostSet(inventory.host(name) for name in (request.args or {})["hosts"].split("\n"))

    async def _look(self, request: Request, hosts: HostSet, message_id: int | None) -> None:
        """See how the hosts are, change nothing, and offer what can be done."""
        from orchestrator.bot.render import bootstrapping as render

        locale = self._catalogues.locale(request.language)
        done: list[Surveyed] = []
        with self._runs.begin(request.actor) as run:
            stop = self._stop_button(run, request)
            live = Live(request.chat, lambda: render.looking(hosts, len(done), stop, locale), message_id=message_id)

            def looked(found: Surveyed) -> None:
                done.append(found)
                live.changed()

            try:
                async with self._door.open(request.actor, SurveyHosts(hosts)) as passage, self._begin() as work, live:
                    surveyed = await work.survey(hosts, stop=run.stop, on_surveyed=looked)
                    passage.record(evidence.of_survey(surveyed))
            except BaseException:
                await last_words(request, render.not_done(hosts.names, locale), live.message_id)
                raise
        buttons = self._choices(request, surveyed)
        await show(request.chat, render.found(surveyed, buttons, locale), live.message_id)

    def _choices(self, request: Request, surveyed: Sequence[Surveyed]) -> tuple[tuple[Button, ...], ...]:
        from orchestrator.bot.render.bootstrapping import to_confirm

        _ = self._catalogues.locale(request.language).gettext
        every = "\n".join(found.host.name for found in surveyed)

        def button(label: str, verb: str, hosts: str = every, **more: str) -> Button:
            args, within = {"hosts": hosts, **more}, COMPARE_WITHIN_S if unknown else CONFIRM_WITHIN_S
            return Button(label, f"bootstrap.{verb}", args, within, personal=True, once=True)

        unknown = {found.host.name: found.shown.fingerprint for found in to_confirm(surveyed) if found.shown}
        cancel = button(_("Cancel"), "refuse")
        if unknown:
            return (button(_("These are right: trust"), "trust", keys=json.dumps(unknown)),), (cancel,)
        ready = "\n".join(found.host.name for found in surveyed if found.ready)
        if ready:
            yes = button("▶ " + _("Bootstrap"), "run", ready)
            return (yes, button(_("Check only"), "run", ready, check="yes")), (cancel,)
        return ((Button(_("Look again"), "bootstrap.again", {"hosts": every}),),)

    async def _run(self, request: Request, hosts: HostSet, passage: Passage, *, check: bool) -> None:
        from orchestrator.bootstrap import Manner
        from orchestrator.bot.render import bootstrapping as render

        locale = self._catalogues.locale(request.language)
        progress, start = render.Progress(hosts, check), self._monotonic()
        with self._runs.begin(request.actor) as run:
            stop = self._stop_button(run, request)

            def draw() -> Message:
                return render.running(progress, stop, run.stop.is_set(), locale)

            live = Live(request.chat, draw, message_id=request.message_id)
            run.on_stop = live.changed
            progress.on_change = live.changed
            try:
                async with live, self._begin() as work:
                    surveyed = await work.survey(hosts, stop=run.stop)
                    outcome = await work.run(
                        surveyed,
                        Manner(check=check, diff=True),
                        on_event=progress.tell,
                        on_step=progress.step,
                        stop=run.stop,
                    )
            except BaseException:
                await last_words(request, render.cut_off(progress, locale), live.message_id)
                raise
            passage.record(evidence.of_bootstrap(outcome))
            await self._refresh()
            end = render.finished(progress, outcome, self._monotonic() - start, self._after(request, outcome), locale)
            await show(request.chat, end, live.message_id)

    def _after(self, request: Request, outcome: Outcome) -> tuple[tuple[Button, ...], ...]:
        _ = self._catalogues.locale(request.language).gettext
        args = {"hosts": "\n".join(host.host for host in outcome.hosts)}
        label = _("Look again") if not outcome.check else _("Bootstrap …")
        buttons = (Button(_("Agents"), "agents.show"), Button(label, "bootstrap.again", args))
        if outcome.check or len(outcome.done) != 1:
            return (buttons,)
        chart = {
            "metric": Metric.CPU.value,
            "agent": outcome.done[0].host,
            "minutes": str(CHART_MIN),
            "under": "outcome",
        }
        return ((Button(_("Chart"), "mon.chart", chart), *buttons),)

    def _stop_button(self, run: Run, request: Request) -> Button:
        label = self._catalogues.locale(request.language).gettext("Stop")
        return Button(label, "run.stop", {"run": run.id}, personal=True)
