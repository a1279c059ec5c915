"""``/logins``: who came in and who tried, pictures of it, and what of it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.alerts.thresholds import Thresholds
from orchestrator.bot.conversation import Request
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.loginsources import LoginSources, counted
from orchestrator.bot.render import loginlist, loginrules
from orchestrator.bot.render.loginlist import PAGE, Entry, View
from orchestrator.bot.render.loginpictures import Asked, Kind
from orchestrator.control import Door, ListLogins
from orchestrator.errors import UsageError
from orchestrator.inventory import HostSet, Inventory
from orchestrator.loginrulechange import RuleChange, change_rule
from orchestrator.logins.rules import RuleKind, parse_rule
from orchestrator.store.loginbook import EpisodeQuery, SessionQuery
from orchestrator.store.thresholds import Scope

USAGE = N_("[<agent>] [user:NAME] [from:ADDRESS] [failed]")
LAST_PAGE = 50
_RULES = ("rules", "settings")


class Logins:
    """Shows logins, and sets which are told."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        sources: LoginSources,
        thresholds: Thresholds,
        easel: Easel,
        *,
        door: Door,
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._sources = sources
        self._thresholds = thresholds
        self._easel = easel
        self._door = door
        self._catalogues = catalogues

    async def logins(self, request: Request) -> None:
        """``/logins [<agent>] [user:U] [from:A] [failed]``, ``/logins rules``, or a rule to set."""
        words = request.text.split()
        if words and words[0].lower() in _RULES and len(words) == 1:
            await self.rules(request)
        elif words and words[0].lower() in list(RuleKind):
            await self._change(request, RuleChange.parse(words, self._thresholds), None)
        else:
            await self._list(request, _view(words), None)

    async def list(self, request: Request) -> None:
        """[↻], a page, or failures alone: in place."""
        await self._list(request, View.of(request.args or {}), request.message_id)

    async def last(self, request: Request) -> None:
        """[Last logins] under a login: this user's on its host, and what came from its address, in a new message."""
        args = request.args or {}
        view = View(args.get("host", ""), args.get("user", ""), args.get("address", ""), either=True)
        await self._list(request, view, None)

    async def picture(self, request: Request) -> None:
        """[Chart] or [Heat map], in a message of its own: a text cannot become a picture."""
        await self._draw(request, None)

    async def redraw(self, request: Request) -> None:
        """Another range, or [↻]: in place."""
        await self._draw(request, request.message_id)

    async def style(self, request: Request) -> None:
        """[◐]: light becomes dark and back."""
        await self._easel.turn(request.actor.id)
        await self._draw(request, request.message_id)

    async def rules(self, request: Request) -> None:
        """[What is told]: what was set, in a message of its own."""
        locale = self._catalogues.locale(request.language)
        async with self._door.open(request.actor, ListLogins(self._hosts(""))) as passage:
            rows = await self._sources.rules.rows()
            passage.record({"status": "ok"})
        await request.chat.send(loginrules.table(rows, locale))

    async def reset(self, request: Request) -> None:
        """[Take back], or [✖] beside a rule."""
        args = request.args or {}
        kind, value = parse_rule(args["kind"], args["value"])
        await self._change(request, RuleChange(Scope.parse(args["scope"]), kind, value, None), request.message_id)

    async def _change(self, request: Request, change: RuleChange, message_id: int | None) -> None:
        done = await change_rule(change, request.actor, self._door, self._sources.rules, self._thresholds)
        message = loginrules.changed(change, self._catalogues.locale(request.language), done=done)
        await show(request.chat, message, message_id)

    async def _list(self, request: Request, view: View, message_id: int | None) -> None:
        view = replace(view, page=min(max(0, view.page), LAST_PAGE))
        hosts = self._hosts(view.agent)
        async with self._door.open(request.actor, ListLogins(hosts)) as passage:
            found = await self._found(view, hosts)
            passage.record({"entries": len(found)})
        begin = view.page * PAGE
        page, more = found[begin : begin + PAGE], len(found) > begin + PAGE and view.page < LAST_PAGE
        locale = self._catalogues.locale(request.language)
        message = loginlist.logins(page, view, self._blind(view.agent, hosts), datetime.now(UTC), locale, more=more)
        await show(request.chat, message, message_id)

    async def _found(self, view: View, hosts: HostSet) -> Sequence[Entry]:
        """The newest entries down to the page and one beyond it."""
        names, limit, book = hosts.names if view.agent else None, (view.page + 1) * PAGE + 1, self._sources.book
        sessions = SessionQuery(hosts=names, user=view.user, address=view.address, limit=limit)
        episodes = EpisodeQuery(hosts=names, address=view.address, limit=limit)
        entries: list[Entry] = []
        if view.either:
            own = await book.sessions(replace(sessions, address=""))
            there = await book.sessions(replace(sessions, hosts=None, user="")) if view.address else []
            tried = await book.episodes(replace(episodes, hosts=None)) if view.address else []
            entries += [*{row.id: row for row in (*own, *there)}.values(), *tried]
        else:
            if not view.failed:
                entries += await book.sessions(sessions)
            if view.user:  # names are in the rows, so more of these have to be looked through
                tried = await book.episodes(replace(episodes, limit=1000))
                entries += [row for row in tried if view.user in row.names]
            else:
                entries += await book.episodes(episodes)
        return sorted(entries, key=loginlist.at_of, reverse=True)

    async def _draw(self, request: Request, message_id: int | None) -> None:
        args = request.args or {}
        asked = Asked(Kind(args["kind"]), int(args.get("days", "0")), args["agent"], datetime.now(UTC))
        hosts = self._hosts(asked.agent)
        locale = self._catalogues.locale(request.language)
        async with self._door.open(request.actor, ListLogins(hosts)) as passage:
            names = hosts.names if asked.agent else None
            found = await counted(asked, names, self._sources.figures, locale.zone)
            passage.record({"status": "ok"})
        png = await self._easel.draw(found.picture, request.actor.id, locale)
        await show(request.chat, found.message(png, self._blind(asked.agent, hosts), locale), message_id)

    def _blind(self, agent: str, hosts: HostSet) -> Mapping[str, str]:
        """Of which hosts of those that are shown nothing comes, and why."""
        blind = self._sources.unfollowed()
        return {host: why for host, why in blind.items() if not agent or host in hosts.names}

    def _hosts(self, agent: str) -> HostSet:
        """What is meant; without an agent all, and this machine."""
        inventory = self._inventory()
        if agent:
            return inventory.select(agent)
        return HostSet([inventory.server]) | inventory.hosts


def _view(words: Sequence[str]) -> View:
    """Understand ``[<agent>] [user:U] [from:A] [failed]`` in any order; raises UsageError."""
    view = View()
    for word in words:
        name, colon, value = word.partition(":")
        if colon and name.lower() == "user" and value:
            view = replace(view, user=value)
        elif colon and name.lower() == "from" and value:
            view = replace(view, address=value)
        elif word.lower() == "failed":
            view = replace(view, failed=True)
        elif not view.agent:
            view = replace(view, agent="" if word == "all" else word)
        else:
            raise UsageError(f"{word[:60]!r} is one word too many", remedy="Say: /logins web user:ann from:192.0.2.7")
    return view
