"""``/who`` and ``/kick``: who is logged in, and ending one of those sessions after a question."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from orchestrator.bot.commands.named import named, page_of
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import last_words, show
from orchestrator.bot.render import sessions as render
from orchestrator.bot.render.picker import pick_host
from orchestrator.control import Door, KickSession, ListSessions, evidence
from orchestrator.errors import UsageError
from orchestrator.fleet import Fleet, KickOutcome, KickState, Session, WhoAnswer, find_session
from orchestrator.inventory import Host, HostSet, Inventory
from orchestrator.ssh.result import Status

USAGE = N_("<agent>")
KICK_USAGE = N_("<agent> <session>")


class Sessions:
    """Shows sessions and ends them."""

    def __init__(self, inventory: Callable[[], Inventory], fleet: Fleet, door: Door, catalogues: Catalogues) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._door = door
        self._catalogues = catalogues

    async def who(self, request: Request) -> None:
        """``/who <agent>``; without one, it is asked for."""
        if pattern := request.text.strip():
            await self._show(request, self._inventory().select(pattern))
        else:
            await self._ask_which(request, "/who", USAGE)

    async def show(self, request: Request) -> None:
        """[↻], a page, or a host that was picked; under a login, in a message of its own."""
        if "under" in (request.args or {}):
            request = replace(request, message_id=None)
        await self._show(request, named(request, self._inventory()), page_of(request))

    async def kick(self, request: Request) -> None:
        """``/kick <agent> <session>``; without a session, those of the host are shown to choose from."""
        locale = self._catalogues.locale(request.language)
        words = request.text.split(maxsplit=1)
        if not words:
            await self._ask_which(request, "/kick", KICK_USAGE)
            return
        if len(words) == 1:
            await self.who(request)
            return
        hosts = self._inventory().select(words[0])
        if len(hosts) > 1:
            what = locale.gettext("{pattern} means {n} hosts").format(pattern=words[0], n=len(hosts))
            raise UsageError(what, remedy=locale.gettext("A session is ended on one host at a time."))
        answer = await self._sessions_of(request, hosts[0])
        if answer.status is not Status.OK:
            await request.chat.send(render.who([answer], hosts, locale))
            return
        session = find_session(answer.host, answer.sessions, words[1].strip())
        await request.chat.send(render.question(answer.host, session, locale))

    async def ask(self, request: Request) -> None:
        """[✖ 5 ops] in a list, or [End session] under a login: the question comes as a new message."""
        host, argument = self._meant(request)
        locale = self._catalogues.locale(request.language)
        answer = await self._sessions_of(request, host)
        session = _named(answer, argument)
        if session is None:
            gone = KickOutcome(host.name, KickState.GONE if answer.status is Status.OK else KickState.NOT_DONE)
            await request.chat.send(render.outcome(gone, (request.args or {}).get("session", ""), locale))
            return
        await request.chat.send(render.question(host.name, session, locale))

    async def end(self, request: Request) -> None:
        """[End it]: exactly the session that was asked about."""
        host, argument = self._meant(request)
        args = request.args or {}
        name, user = args["session"], args["user"]
        locale = self._catalogues.locale(request.language)
        async with self._door.open(request.actor, KickSession(host, name, user, argument), confirmed=True) as passage:
            try:
                await show(request.chat, render.working(host.name, name, locale), request.message_id)
                answer = await self._sessions_of(request, host)
                session = _named(answer, argument)
                if answer.status is not Status.OK:
                    outcome = KickOutcome(host.name, KickState.NOT_DONE, answer.detail)
                elif session is None:
                    outcome = KickOutcome(host.name, KickState.GONE)
                else:
                    outcome = await self._fleet.kick(host, session)
            except BaseException:
                cut_off = KickOutcome(host.name, KickState.UNKNOWN)
                await last_words(request, render.outcome(cut_off, name, locale), request.message_id)
                raise
            passage.record(evidence.of_kick(outcome))
        await show(request.chat, render.outcome(outcome, name, locale), request.message_id)

    async def keep(self, request: Request) -> None:
        """[Keep]."""
        host, _ = self._meant(request)
        locale = self._catalogues.locale(request.language)
        name = (request.args or {})["session"]
        await show(request.chat, render.kept(host.name, name, locale), request.message_id)

    def _meant(self, request: Request) -> tuple[Host, str]:
        """What a button is about; UnknownHost when the host has left the inventory since."""
        args = request.args or {}
        return self._inventory().host(args["host"]), args["leader"]

    async def _sessions_of(self, request: Request, host: Host) -> WhoAnswer:
        async with self._door.open(request.actor, ListSessions(HostSet([host]))) as passage:
            async with aclosing(self._fleet.who([host])) as stream:
                (answer,) = [answer async for answer in stream]
            passage.record(evidence.of_answers([answer]))
        return answer

    async def _ask_which(self, request: Request, command: str, usage: str) -> None:
        locale, inventory = self._catalogues.locale(request.language), self._inventory()
        hosts = HostSet([inventory.server]) | inventory.hosts
        await request.chat.send(pick_host(hosts, "who.show", f"{command} {locale.gettext(usage)}", locale))

    async def _show(self, request: Request, hosts: HostSet, page: int = 0) -> None:
        async with self._door.open(request.actor, ListSessions(hosts)) as passage:
            async with aclosing(self._fleet.who(hosts)) as stream:
                found = {answer.host: answer async for answer in stream}
            passage.record(evidence.of_answers(found.values()))
        ordered = [found[name] for name in hosts.names if name in found]
        locale = self._catalogues.locale(request.language)
        await show(request.chat, render.who(ordered, hosts, locale, page=page), request.message_id)


def _named(answer: WhoAnswer, argument: str) -> Session | None:
    """The session of that leader; a log knows its process alone, so then whoever asks sees first whose it is."""
    whole = ":" in argument
    return next((each for each in answer.sessions if (each.argument if whole else str(each.leader)) == argument), None)
