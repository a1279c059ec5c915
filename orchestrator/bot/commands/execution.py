"""``/op_exec`` and ``/broadcast``: a shell command on hosts, asked for, watched, stopped, repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues, Locale
from orchestrator.bot.live import Live, last_words, show
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render import execution as render
from orchestrator.bot.render import general
from orchestrator.bot.render.markup import code
from orchestrator.bot.runs import Run, Runs
from orchestrator.control import CONFIRM_WITHIN_S, Door, Exec, NotConfirmed, Passage, evidence
from orchestrator.errors import UnknownHost, UsageError
from orchestrator.fleet import Answers, Fleet, Report
from orchestrator.inventory import HostSet, Inventory, fold

EXEC_USAGE = N_("<agent> <cmd>")
BROADCAST_USAGE = N_("<cmd>")


class Executor:
    """Runs commands for the chat. `monotonic` gives seconds of a clock that never jumps."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        fleet: Fleet,
        door: Door,
        runs: Runs,
        catalogues: Catalogues,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._door = door
        self._runs = runs
        self._catalogues = catalogues
        self._monotonic = monotonic

    async def op_exec(self, request: Request) -> None:
        """``/op_exec <agent> <cmd>``: everything after the agent goes to the shell as it was typed."""
        agent, command = split_agent(request.text)
        if not command:
            hosts = self._inventory().select(agent) if agent else self._inventory().hosts
            names = (agent or hosts.names[0], "all") if hosts else ()
            examples = [f"/op_exec {name} uptime" for name in dict.fromkeys(names)]
            await self._usage(request, "op_exec", EXEC_USAGE, examples)
            return
        await self._ask_or_run(request, self._inventory().select(agent), command)

    async def broadcast(self, request: Request) -> None:
        """``/broadcast <cmd>``: on every host of the inventory."""
        command = request.text.strip()
        if not command:
            await self._usage(request, "broadcast", BROADCAST_USAGE, ["/broadcast uptime", "/broadcast uname -r"])
            return
        await self._ask_or_run(request, self._inventory().select("all"), command)

    async def run(self, request: Request) -> None:
        """[Run on N hosts]: exactly the hosts that were named in the question."""
        args = request.args or {}
        hosts = self._named(request)
        if args.get("waive"):
            self._door.waive(request.actor, Exec.kind)
        await self._ask_or_run(request, hosts, args["command"], confirmed=True)

    async def refuse(self, request: Request) -> None:
        """[Cancel] under the question."""
        args = request.args or {}
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.not_run(args["command"], locale), request.message_id)

    async def stop(self, request: Request) -> None:
        """[Cancel] under a running command."""
        _ = self._catalogues.locale(request.language).gettext
        if not self._runs.stop((request.args or {})["run"]):
            raise UsageError(_("This is not running any more"), remedy=_("What came of it is in the audit."))

    async def again(self, request: Request) -> None:
        """[Again]: the same hosts, as if typed anew."""
        command = (request.args or {})["command"]
        await self._ask_or_run(replace(request, message_id=None), self._named(request), command)

    async def as_file(self, request: Request) -> None:
        """[As file]."""
        _ = self._catalogues.locale(request.language).gettext
        document = self._runs.document((request.args or {})["run"])
        if document is None:
            raise UsageError(_("This answer is not kept any more"), remedy=_("Run it again to have it as a file."))
        await request.chat.send(Message(code(document.name), document=document))

    async def _usage(self, request: Request, name: str, usage: str, examples: Sequence[str]) -> None:
        await request.chat.send(general.usage(name, usage, examples, self._catalogues.locale(request.language)))

    def _named(self, request: Request) -> HostSet:
        """The hosts that a button names, one a line; UnknownHost when one of them has left the inventory since."""
        _ = self._catalogues.locale(request.language).gettext
        inventory, names = self._inventory(), (request.args or {})["hosts"].split("\n")
        gone = [name for name in names if name not in inventory.hosts and name != inventory.server.name]
        if gone:
            what = _("{hosts} left the inventory meanwhile").format(hosts=fold(gone))
            raise UnknownHost(what, remedy=_("Nothing was run. Please ask again."))
        return HostSet(inventory.host(name) for name in names)

    async def _ask_or_run(self, request: Request, hosts: HostSet, command: str, *, confirmed: bool = False) -> None:
        action = Exec(hosts, command)
        try:
            async with self._door.open(request.actor, action, confirmed=confirmed) as passage:
                await self._run(request, action, passage)
        except NotConfirmed as asked:
            locale = self._catalogues.locale(request.language)
            choices = _choices(action, locale, waivable=asked.waivable)
            await request.chat.send(render.question(command, hosts, choices, locale))

    async def _run(self, request: Request, action: Exec, passage: Passage) -> None:
        locale = self._catalogues.locale(request.language)
        answers, began, start = Answers(), datetime.now(UTC), self._monotonic()

        def so_far() -> render.Execution:
            elapsed = self._monotonic() - start
            return render.Execution(action.command, action.hosts, answers.results, began, elapsed)

        with self._runs.begin(request.actor) as run:
            cancel = Button(locale.gettext("Cancel"), "run.stop", {"run": run.id}, personal=True)
            live = Live(
                request.chat,
                lambda: render.running(so_far(), cancel, run.stop.is_set(), locale),
                message_id=request.message_id,
            )
            run.on_stop = live.changed
            try:
                async with live:
                    await self._collect(action, answers, run, live)
            except BaseException:
                passage.record(evidence.of_report(Report.of(answers.results)))
                await last_words(request, render.interrupted(so_far(), locale), live.message_id)
                raise
            passage.record(evidence.of_report(Report.of(answers.results)))
            end = _end(so_far(), run, locale)
            if end.document is None:
                self._runs.keep(run.id, render.document(so_far(), locale))
            await show(request.chat, end, live.message_id)

    async def _collect(self, action: Exec, answers: Answers, run: Run, live: Live) -> None:
        stream = self._fleet.exec(action.hosts, action.command, timeout=action.timeout, stop=run.stop)
        async with aclosing(stream) as results:
            async for result in results:
                answers.add(result)
                live.changed()


def split_agent(text: str) -> tuple[str, str]:
    """The first word, and everything after it with its line breaks and quotes as typed."""
    agent, command = [*text.split(maxsplit=1), "", ""][:2]
    return agent, command.rstrip()


def _choices(action: Exec, locale: Locale, *, waivable: bool) -> tuple[tuple[Button, ...], ...]:
    _ = locale.gettext
    n = len(action.hosts)
    args = {"hosts": "\n".join(action.hosts.names), "command": action.command}

    def button(label: str, verb: str, **more: str) -> Button:
        return Button(label, verb, {**args, **more}, CONFIRM_WITHIN_S, personal=True, once=True)

    rows = [(button(locale.ngettext("Run on {n} host", "Run on {n} hosts", n).format(n=n), "exec.run"),)]
    if waivable:
        rows.append((button(_("Run, don't ask for 10 min"), "exec.run", waive="yes"),))
    return (*rows, (button(_("Cancel"), "exec.refuse"),))


def _end(execution: render.Execution, run: Run, locale: Locale) -> Message:
    args = {"hosts": "\n".join(execution.hosts.names), "command": execution.command}
    again = Button(locale.gettext("Again"), "exec.again", args, once=True)  # a double tap must not run it twice
    as_file = Button(locale.gettext("As file"), "exec.file", {"run": run.id})
    return render.finished(execution, again, as_file, locale)
