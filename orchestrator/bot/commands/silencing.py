"""``/silence`` and ``/silences``: what is not to be told for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.alerts.alertmanager import Alertmanager, Matcher, matchers_for
from orchestrator.alerts.book import AlertBook, Muting
from orchestrator.alerts.times import beginning, duration
from orchestrator.bot.conversation import Request
from orchestrator.bot.language import N_, Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import alertlists
from orchestrator.control import Actor, Door, EndSilence, Silence
from orchestrator.errors import UsageError
from orchestrator.inventory import HostSet, Inventory

USAGE = N_("<agent> [<alert>] <duration> [from <hh:mm>]")
EXAMPLE = "/silence web1 2h, /silence web AgentHighCPU 1d, /silence db1 2h from 22:00"


@dataclass(frozen=True, slots=True)
class _Asked:
    agent: str
    alert: str
    seconds: float
    begins: str

    @classmethod
    def parse(cls, text: str) -> _Asked:
        words = text.split()
        begins = ""
        for at, word in enumerate(words):
            if word.lower() == "from":
                begins, words = " ".join(words[at + 1 :]), words[:at]
                if not begins:
                    raise UsageError("from when?", remedy=EXAMPLE)
                break
        if not 2 <= len(words) <= 3:
            raise UsageError("say what to silence, and for how long", remedy=EXAMPLE)
        return cls(words[0], words[1] if len(words) == 3 else "", duration(words[-1]), begins)


class Silencing:
    """Makes, lists and ends silences in Alertmanager."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        book: AlertBook,
        alertmanager: Alertmanager,
        door: Door,
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._book = book
        self._alertmanager = alertmanager
        self._door = door
        self._catalogues = catalogues

    async def silence(self, request: Request) -> None:
        """``/silence <agent> [<alert>] <duration> [from <hh:mm>]``; all means every host, also ours."""
        asked = _Asked.parse(request.text)
        locale, now = self._catalogues.locale(request.language), datetime.now(UTC)
        hosts = self._inventory().select(asked.agent)
        start = beginning(asked.begins, now, locale.zone).timestamp() if asked.begins else now.timestamp()
        end = start + asked.seconds
        matchers = matchers_for(None if asked.agent == "all" else hosts.names, asked.alert)
        told = ", ".join(map(str, matchers))
        async with self._door.open(request.actor, Silence(hosts, told, start, end)) as passage:
            silence = await self._alertmanager.silence(matchers, start, end, request.actor.name, "")
            passage.record({"status": "ok", "silence": silence})
            if not asked.begins:
                await self._mark(hosts, asked, Muting(silence, end))
        what = " · ".join(filter(None, (asked.alert, asked.agent if asked.agent == "all" else hosts.folded)))
        made = alertlists.Made(what, silence, start, end)
        await request.chat.send(alertlists.silenced(made, now, locale))

    async def silences(self, request: Request) -> None:
        """``/silences``: what is silenced now, or will be."""
        await self._list(request, 0)

    async def show(self, request: Request) -> None:
        """[↻] or a page."""
        await self._list(request, int((request.args or {}).get("page", "0")))

    async def end(self, request: Request) -> None:
        """[✖ 1] in the list."""
        args = request.args or {}
        await self.end_one(request.actor, args["id"])
        await self._list(request, int(args["page"]))

    async def undo(self, request: Request) -> None:
        """[Undo] under a silence that was made."""
        args = request.args or {}
        await self.end_one(request.actor, args["id"])
        locale = self._catalogues.locale(request.language)
        await show(request.chat, alertlists.heard_again(args["what"], locale), request.message_id)

    async def _list(self, request: Request, page: int) -> None:
        found = await self._alertmanager.silences()
        locale = self._catalogues.locale(request.language)
        await show(request.chat, alertlists.silences(found, page, datetime.now(UTC), locale), request.message_id)

    async def end_one(self, actor: Actor, silence_id: str) -> None:
        """End a silence, if it is there still; all that it covered is told again."""
        found = {silence.id: silence for silence in await self._alertmanager.silences()}.get(silence_id)
        if found and found.state != "expired":  # else somebody was faster, or its time has come
            async with self._door.open(actor, EndSilence(found.id, _told(found.matchers))) as passage:
                await self._alertmanager.expire(found.id)
                passage.record({"status": "ok"})
        for group in await self._book.current():
            if silence_id and group.silence == silence_id:
                await self._book.mute(group.id, Muting())

    async def _mark(self, hosts: HostSet, asked: _Asked, muting: Muting) -> None:
        """Show it at once in the messages of the alerts that it covers."""
        for group in await self._book.current():
            covered = asked.agent == "all" or group.host in hosts.names
            if covered and asked.alert in ("", group.name):
                await self._book.mute(group.id, muting)


def _told(matchers: tuple[Matcher, ...]) -> str:
    return ", ".join(map(str, matchers))
